"""Memory and processor time of ExaLB while nothing happens."""

import time
from collections.abc import Iterator, Mapping

from tests.bench.figures import COUNT, MEGABYTES, PERCENT, Figure
from tests.bench.rig import CONFIGURATION, Rig
from tests.bench.writes import QUIET
from tests.support import processes


def idle(rig: Rig) -> Iterator[Figure]:
    """Measure memory and processor time."""
    rig.settle(QUIET)
    suffix = rig.suffix
    found = processes.of(rig.lab)
    memory = processes.memory(found)
    controllers = sorted((size for each, size in memory.items() if each.role == "controller"), reverse=True)
    yield Figure(f"controller-{suffix}", MEGABYTES, controllers)
    on_nodes = [each for each in found if each.role != "controller"]
    sizes = [sum(memory[each] for each in on_nodes if each.node == node) for node in rig.nodes]
    parts = {f"{each.role} on {each.node}": memory[each] for each in on_nodes}
    yield Figure(f"node-{suffix}", MEGABYTES, sizes, detail=parts)
    yield Figure(f"sum-{suffix}", MEGABYTES, [sum(memory.values())])
    yield from _work(rig, found, suffix)


def idle_short_hold_time(rig: Rig) -> Iterator[Figure]:
    """Measure the processor time with a hold time of 3 s: each end sends a KEEPALIVE every second."""
    rig.lab.apply(f"{CONFIGURATION}  holdTime: 3\n")
    rig.settle(QUIET)
    rig.wait_sessions()
    yield from _work(rig, processes.of(rig.lab), "hold-time")
    rig.lab.apply(CONFIGURATION)


def _work(rig: Rig, found: list[processes.Process], suffix: str) -> Iterator[Figure]:
    """Count processor time and wake-ups of each node."""
    before, begun = {each: each.cpu_seconds() for each in found}, time.monotonic()
    woken = {each: each.wake_ups() for each in found}
    time.sleep(rig.sizes.idle)
    seconds = time.monotonic() - begun
    shares = {each: 100 * (each.cpu_seconds() - spent) / seconds for each, spent in before.items()}
    rates = {each: (each.wake_ups() - count) / seconds for each, count in woken.items()}
    yield _by_node(rig, f"idle-{suffix}", PERCENT, shares)
    yield _by_node(rig, f"wake-ups-{suffix}", COUNT, rates)


def _by_node(rig: Rig, key: str, unit: str, values: Mapping[processes.Process, float]) -> Figure:
    """Return the sums of the values of each node's processes; the controllers' are in the detail alone."""
    nodes = [
        sum(value for each, value in values.items() if each.node == node and each.role != "controller")
        for node in rig.nodes
    ]
    return Figure(key, unit, nodes, detail={f"{each.role} on {each.node}": value for each, value in values.items()})
