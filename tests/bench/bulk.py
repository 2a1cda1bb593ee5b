"""Many Services at once: the API server's own time for it, and ExaLB's."""

import time
from collections.abc import Iterator

from exalb_bgp.rib import Address, Prefix
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
    """Create them over 8 connections, and wait until the router sends each to every node; then delete them all."""
    mark, known = rig.mark(), len(rig.kernel.changes)
    begun = time.time()
    rig.services.fill(rig.sizes.others)
    created = time.time()
    routed = _last_routed(rig, known, rig.next_hops)
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
    yield Figure("bulk-last", SECONDS, [routed - created])
    yield _all_deleted(rig, "bulk-deleted")


def most_at_once(rig: Rig) -> Iterator[Figure]:
    """Create as many Services as it is built for, and wait until the router sends each to every node."""
    known, begun = len(rig.kernel.changes), time.time()
    rig.services.fill(rig.sizes.most)
    created = time.time()
    yield Figure("bulk-created-10000", SECONDS, [created - begun])
    yield Figure("bulk-last-10000", SECONDS, [_last_routed(rig, known, rig.next_hops) - created])


def most_deleted(rig: Rig) -> Iterator[Figure]:
    """Delete them all, and wait until the router has none of their routes."""
    yield _all_deleted(rig, "bulk-deleted-10000")


def _all_deleted(rig: Rig, key: str) -> Figure:
    """Delete them; return the seconds from the last deletion until the router has none of their routes."""
    known, count = len(rig.kernel.changes), len(rig.services.names)
    rig.services.fill(0)
    deleted = time.time()
    return Figure(key, SECONDS, [_last_routed(rig, known, frozenset(), count) - deleted])


def _last_routed(rig: Rig, known: int, next_hops: frozenset[Address], count: int | None = None) -> float:
    """Wait until as many prefixes as there are Services got these next hops in the changes after the first `known`.

    Return when the last one did.
    """
    wanted = len(rig.services.names) if count is None else count
    reached: dict[Prefix, float] = {}
    seen = known

    def all_did() -> bool:
        nonlocal seen
        begun, seen = seen, len(rig.kernel.changes)  # a thread adds to them meanwhile
        for change in rig.kernel.changes[begun:seen]:
            if change.gateways == next_hops:
                reached.setdefault(change.prefix, change.time)
        assert len(reached) >= wanted, f"{len(reached)} of {wanted} prefixes have the next hops {set(next_hops)}"
        return True

    wait.until("the router has every route", all_did, seconds=DEADLINE, every=0.2)
    return max(reached.values())
