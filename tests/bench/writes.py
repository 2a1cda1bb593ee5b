"""How much is written, to the API server and to the router, when little or nothing changed."""

import os
import signal
from collections import Counter
from collections.abc import Iterator

from tests.bench.figures import SECONDS, WRITES, Figure
from tests.bench.rig import DEADLINE, Rig
from tests.lab import exalb, wait
from tests.support import processes

QUIET = 15.0
"""Seconds without a write after which none is expected: longer than any report is held back."""


def deletion(rig: Rig) -> Iterator[Figure]:
    """Delete one of many Services."""
    rig.settle(QUIET)
    mark = rig.mark()
    rig.services.delete(rig.services.names[0])
    rig.settle(QUIET)
    yield _figure("deletion-writes", rig, mark)


def controller_rollout(rig: Rig) -> Iterator[Figure]:
    """Replace both controllers, one after the other."""
    rig.settle(QUIET)
    mark = rig.mark()
    _roll_out(rig, "deployment/exalb-controller")
    rig.settle(QUIET)
    yield _figure("controller-restart-writes", rig, mark)


def speakers_killed(rig: Rig) -> Iterator[Figure]:
    """Kill the speaker of every node; its ExaBGP lives on."""
    rig.settle(QUIET)
    mark, seen = rig.mark(), len(rig.wire.messages)
    before = {each.pid for each in processes.of(rig.lab) if each.role == "speaker"}
    for pid in before:
        os.kill(pid, signal.SIGKILL)

    def replaced() -> bool:
        now = {each.pid for each in processes.of(rig.lab) if each.role == "speaker"}
        return len(now) == len(before) and not now & before

    wait.until("every node has a new speaker", replaced, seconds=DEADLINE)
    rig.lab.kubectl("rollout", "status", "daemonset/exalb-speaker", "--namespace", exalb.NAMESPACE)
    rig.settle(QUIET)
    yield _figure("speaker-restart-writes", rig, mark)
    yield Figure("speaker-restart-updates", WRITES, [rig.updates(seen)])


def speakers_rollout(rig: Rig) -> Iterator[Figure]:
    """Replace the pods of the speakers with their ExaBGP, node after node, and watch one route in the router."""
    rig.settle(QUIET)
    mark, known = rig.mark(), len(rig.kernel.changes)
    _roll_out(rig, "daemonset/exalb-speaker")
    rig.settle(QUIET)
    yield _figure("rollout-writes", rig, mark)
    yield Figure("rollout-gap", SECONDS, [_longest_gap(rig, known)])


def _roll_out(rig: Rig, what: str) -> None:
    for verb in ("restart", "status"):
        rig.lab.kubectl("rollout", verb, what, "--namespace", exalb.NAMESPACE)


def _figure(key: str, rig: Rig, mark: int) -> Figure:
    writes = rig.writes(mark)
    kinds = Counter(f"{write.verb} {write.resource} {write.status}" for write in writes)
    return Figure(key, WRITES, [len(writes)], detail={kind: float(count) for kind, count in kinds.items()})


def _longest_gap(rig: Rig, known: int) -> float:
    """Return for how long a prefix at most lacked one of its next hops."""
    lacking: dict[object, float] = {}
    longest = 0.0
    for change in rig.kernel.changes[known:]:
        if change.gateways == rig.next_hops:
            longest = max(longest, change.time - lacking.pop(change.prefix, change.time))
        else:
            lacking.setdefault(change.prefix, change.time)
    return longest
