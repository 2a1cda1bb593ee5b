"""Many Services at once: the API server's own time for it, and ExaLB's."""

import time
from collections.abc import Iterator

from exalb_bgp.rib import Prefix
from tests.bench.figures import COUNT, SECONDS, WRITES, Figure
from tests.bench.rig import DEADLINE, Rig
from tests.lab import wait


def floor(rig: Rig) -> Iterator[Figure]:
    """Create them with no ExaLB there, and delete them again."""
    begun = time.time()
    rig.services.fill(rig.sizes.others)
    rig.floor = time.time() - begun
    yield Figure("floor", SECONDS, [rig.floor])
    rig.services.fill(0)


def at_once(rig: Rig) -> Iterator[Figure]:
    """Create them over 8 connections, and wait until the router sends each to every node."""
    mark, known = rig.mark(), len(rig.kernel.changes)
    begun = time.time()
    rig.services.fill(rig.sizes.others)
    created = time.time()
    routed = _all_routed(rig, known, len(rig.services.names))
    rig.settle()
    writes = rig.writes(mark)
    given: dict[str, float] = {}  # the first write of a Service has its address; later ones say who announces it
    for write in writes:
        if write.resource == "services/status" and write.status == 200:
            given.setdefault(write.name, write.completed)
    yield Figure("bulk-created", SECONDS, [created - begun])
    yield Figure("bulk-addresses", SECONDS, [max(given.values()) - begun])
    yield Figure("bulk-routes", SECONDS, [routed - begun])
    if rig.floor:
        yield Figure("bulk-ratio", COUNT, [(routed - begun) / rig.floor])
    by_kind: dict[str, float] = {}
    for write in writes:
        key = f"{write.verb} {write.resource} {write.status}"
        by_kind[key] = by_kind.get(key, 0) + 1 / len(rig.services.names)
    yield Figure("bulk-writes", WRITES, [len(writes) / len(rig.services.names)], detail=by_kind)


def _all_routed(rig: Rig, known: int, count: int) -> float:
    """Wait until `count` prefixes got all their next hops in the changes after the first `known`; return when."""
    reached: dict[Prefix, float] = {}
    seen = known

    def all_did() -> bool:
        nonlocal seen
        fresh, seen = rig.kernel.changes[seen:], len(rig.kernel.changes)
        for change in fresh:
            if change.gateways == rig.next_hops:
                reached.setdefault(change.prefix, change.time)
        assert len(reached) >= count, f"{len(reached)} of {count} prefixes have a route to every node"
        return True

    wait.until("the router has every route", all_did, seconds=DEADLINE, every=0.2)
    return max(reached.values())
