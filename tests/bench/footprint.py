"""Memory and processor time of ExaLB while nothing happens."""

import time
from collections.abc import Iterator

from tests.bench.figures import MEGABYTES, PERCENT, Figure
from tests.bench.rig import Rig
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
    yield _processor(rig, found, f"idle-{suffix}")


def _processor(rig: Rig, found: list[processes.Process], key: str) -> Figure:
    before, begun = {each: each.cpu_seconds() for each in found}, time.monotonic()
    time.sleep(rig.sizes.idle)
    seconds = time.monotonic() - begun
    shares = {each: 100 * (each.cpu_seconds() - spent) / seconds for each, spent in before.items()}
    nodes = [
        sum(share for each, share in shares.items() if each.node == node and each.role != "controller")
        for node in rig.nodes
    ]
    return Figure(key, PERCENT, nodes, detail={f"{each.role} on {each.node}": share for each, share in shares.items()})
