"""From a write to the API until the UPDATE passes at the router: Services that come and go, endpoints that change."""

import random
import time
from collections.abc import Iterator
from dataclasses import replace

from exalb_bgp.rib import Prefix
from tests.bench.arrivals import Arrivals
from tests.bench.figures import MILLISECONDS, Figure
from tests.bench.rig import Rig
from tests.support.bgp.messages import Message

PAUSE = (0.15, 0.35)
"""Seconds between two tries; not always the same, so that no rhythm of ours meets one of theirs."""


class Times:
    """Collects milliseconds by the name of a measure."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, key: str, begun: float, ended: float) -> None:
        """Note one time; both ends in UNIX time."""
        self._values.setdefault(key, []).append(1000 * (ended - begun))

    def figures(self) -> Iterator[Figure]:
        """Yield a figure for each measure."""
        return (Figure(key, MILLISECONDS, values) for key, values in self._values.items())


def pause() -> None:
    """Let everything come to rest."""
    time.sleep(random.uniform(*PAUSE))


def created(rig: Rig) -> Iterator[Figure]:
    """Create a Service and delete it again, one after the other, with no others."""
    times = Times()
    for _ in range(rig.sizes.created):
        seen = len(rig.wire.messages)
        name, begun = rig.services.create()
        times.add("created-answer-0", begun, time.time())
        sent = rig.first_sent(seen, lambda message: message.announced)
        times.add("created-first-0", begun, min(sent.values()))
        times.add("created-all-0", begun, max(sent.values()))
        prefix = _prefix(rig, seen)
        routed = rig.kernel.reached(prefix, lambda gateways: gateways == rig.next_hops, begun, 30)
        times.add("created-route-0", begun, routed)
        pause()
        _delete(rig, name, times)
        pause()
    yield from times.figures()


def created_after_deletion(rig: Rig) -> Iterator[Figure]:
    """Delete one of many Services and create another at once."""
    times, suffix = Times(), rig.suffix
    for _ in range(rig.sizes.created_after_deletion):
        rig.services.delete(rig.services.names[0])
        seen = len(rig.wire.messages)
        _, begun = rig.services.create()
        times.add(f"created-answer-{suffix}", begun, time.time())
        sent = rig.first_sent(seen, lambda message: message.announced)
        times.add(f"created-first-{suffix}", begun, min(sent.values()))
        times.add(f"created-all-{suffix}", begun, max(sent.values()))
        pause()
    yield from times.figures()


def readiness(rig: Rig) -> Iterator[Figure]:
    """Make one endpoint of a Service with external traffic policy Local unready, and ready again."""
    suffix, times, node = rig.suffix, Times(), next(iter(rig.nodes))
    with rig.temporary_service(local=True) as (name, prefix), Arrivals(rig.lab, node) as arrivals:
        for _ in range(rig.sizes.readiness):
            for key, ready in (("unready", False), ("ready", True)):
                ports = () if ready else arrivals.ports()
                pause()
                seen = len(rig.wire.messages)
                begun = rig.services.set_ready(name, node, ready=ready)
                answered = time.time()
                passed = _sent_by(rig, node, seen, prefix, ready=ready)
                times.add("readiness-answer", begun, answered)
                times.add(key, begun, passed)
                if not ready:
                    times.add("unready-own", answered, passed)
                    times.add("unready-node", arrivals.first(ports, begun, passed), passed)
    for figure in times.figures():
        yield replace(figure, key=f"{figure.key}-{suffix}")


def _delete(rig: Rig, name: str, times: Times) -> None:
    seen = len(rig.wire.messages)
    begun = rig.services.delete(name)
    sent = rig.first_sent(seen, lambda message: message.withdrawn)
    times.add("deleted-first-0", begun, min(sent.values()))
    times.add("deleted-all-0", begun, max(sent.values()))


def _prefix(rig: Rig, seen: int) -> Prefix:
    return next(prefix for message in rig.wire.messages[seen:] for prefix in message.announced)


def _sent_by(rig: Rig, node: str, seen: int, prefix: Prefix, *, ready: bool) -> float:
    """Wait until a node announced a prefix, or withdrew it; return when."""

    def matching() -> Iterator[Message]:
        for message in rig.wire.messages[seen:]:
            if message.source == rig.nodes[node] and prefix in (message.announced if ready else message.withdrawn):
                yield message

    rig.wire.wait(lambda: any(True for _ in matching()), f"{node} sent the router nothing about {prefix}", 30)
    return next(matching()).time
