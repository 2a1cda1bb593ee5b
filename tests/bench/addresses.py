"""What 10,000 addresses cost: `python -m tests.bench.addresses [--count N]`, in a control plane of its own.

The Services are there before the controller is, so what is measured is ExaLB's time and not the one of making them.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import local as thread_local

from rich.console import Console
from rich.table import Table

from exalb.allocation import Allocator
from exalb.cluster import Cluster, Key
from exalb.manifests import picture
from tests.cluster.conftest import CRDS
from tests.cluster.gate import Gate
from tests.cluster.programs import Program, Programs
from tests.cluster.world import OURS, World
from tests.lab import layout, wait
from tests.lab.api import Client, Json
from tests.lab.audit import Write
from tests.lab.cluster import Lab
from tests.lab.narration import Narration
from tests.lab.nodeconfig import API_PORT

NAME, CONNECTIONS, PATIENCE = "benchip", 8, 900
POOL = {"addresses": ["10.0.0.0/8", "2001:db8::/64"]}
PAIRS = 10
"""Every so many Services want both families."""
Row = tuple[str, str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.addresses", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many Services")
    count = parser.parse_args(arguments).count
    console = Console()
    lab = Lab(NAME, Narration(console))
    table = Table("measure", "figure", "aim", title=f"{count:,} Services")
    try:
        lab.up(nodes=0)
        lab.kubectl("apply", "--server-side", f"--filename={CRDS}")
        lab.kubectl("wait", "--for=condition=Established", f"--filename={CRDS}")
        for row in _measure(lab, count):
            table.add_row(*row)
            console.print(*row)
    finally:
        lab.down()
    console.print(table)
    return 0


def _measure(lab: Lab, count: int) -> Iterator[Row]:
    world, address = World(lab), str(layout.on_fabric(layout.CONTROL_PLANE)[0].ip)
    world.begin()
    with (
        Gate(lab.control_plane.namespace, address, API_PORT) as gate,
        tempfile.TemporaryDirectory() as directory,
        Programs(lab, Path(directory)).ended() as programs,
    ):
        empty = programs.controller("empty", gate.url, world.namespace)
        empty.wait_says("leading", seconds=120)
        yield "controller's memory, no Service", _memory(empty), "≤ 100 MB"
        empty.end()
        begun = time.time()
        _create(lab, world, count)
        yield "making them, without ExaLB", f"{time.time() - begun:.1f} s", ""
        yield from _pure(world)
        world.custom("ipaddresspools", "IPAddressPool", "main", POOL)
        mark = world.end_of_audit
        full = programs.controller("full", gate.url, world.namespace)
        yield from _bulk(world, full, count, mark)
        yield from _one_more(world, full)
        yield "controller's memory, all of them", _memory(full), "≤ 150 MB"
        full.end()
        mark = world.end_of_audit
        again = programs.controller("again", gate.url, world.namespace)
        again.wait_says("leading", seconds=120)
        yield from _one_more(world, again)
        yield "… after a restart", _memory(again), "≤ 150 MB"
        written = len(_to_services(world, again, mark))
        yield "writes to Services after a restart, but for the one that is new", str(written - 1), "0"


def _bulk(world: World, program: Program, count: int, mark: int) -> Iterator[Row]:
    program.wait_says("leading", seconds=120)
    begun = time.time()

    def done() -> bool:
        usage = world.api.get(f"{OURS}/ipaddresspools/main").get("status", {}).get("ipv4", {})
        assert usage.get("assigned") == count, usage
        return True

    wait.until("every Service is counted", done, seconds=PATIENCE, every=1)
    written = _at_rest(world, program, mark)
    last = max(write.completed for write in written)
    yield "the controller leads → the last of them has an address", f"{last - begun:.1f} s", ""
    yield "writes per Service (its events aside)", f"{len(written) / count:.3f}", "1"
    refused = sum(write.status != 200 for write in written)
    yield "… of which the API server refused", str(refused), "0"


def _at_rest(world: World, program: Program, mark: int) -> list[Write]:
    """Return what the program wrote to Services, once it writes nothing to them for some seconds."""
    written: list[Write] = []
    while len(found := _to_services(world, program, mark)) > len(written):
        written = found
        time.sleep(3)
    return written


def _to_services(world: World, program: Program, mark: int) -> list[Write]:
    return [write for write in world.writes(program.user, mark) if write.resource == "services/status"]


def _one_more(world: World, program: Program) -> Iterator[Row]:
    name = f"more-{program.user}"
    begun = time.time()
    world.service(name)
    world.wait_address(name, PATIENCE)
    yield "one more Service → its address", f"{1000 * (time.time() - begun):.0f} ms", ""


def _pure(world: World) -> Iterator[Row]:
    """Allocate here, from what the API server has."""
    pools = [{"apiVersion": "exalb.io/v1beta1", "kind": "IPAddressPool", "metadata": {"name": "main"}, "spec": POOL}]
    services = [one | {"apiVersion": "v1", "kind": "Service"} for one in world.api.items(world.services)]
    cluster, _ = picture([*pools, *services], "exalb-system")
    allocator = Allocator()
    yield "pure allocation", _timed(allocator, cluster), "≤ 1 s"
    outcomes = allocator.allocate(cluster).outcomes
    settled = {key: replace(one, held=outcomes[key].addresses) for key, one in cluster.services.items()}
    cluster = replace(cluster, services=settled)
    yield "… of what all have already", _timed(allocator, cluster), "≤ 1 s"
    key = next(iter(settled))
    newcomer = replace(settled[key], key=Key(key.namespace, "newcomer"), held=())
    yield (
        "… after one change",
        _timed(allocator, replace(cluster, services={**settled, newcomer.key: newcomer})),
        "≤ 15 ms",
    )


def _timed(allocator: Allocator, cluster: Cluster) -> str:
    begun = time.perf_counter()
    allocator.allocate(cluster)
    return f"{1000 * (time.perf_counter() - begun):.1f} ms"


def _memory(program: Program) -> str:
    lines = (Path("/proc") / str(program.process.pid) / "status").read_text().splitlines()
    kilobytes = {
        name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if "kB" in rest
    }
    return f"{kilobytes['VmRSS'] / 1000:.0f} MB (at most {kilobytes['VmHWM'] / 1000:.0f})"


def _create(lab: Lab, world: World, count: int) -> None:
    own, clients = thread_local(), list[Client]()

    def prepare() -> None:
        own.client = Client.of(lab.layout)
        clients.append(own.client)

    with contextlib.ExitStack() as stack, ThreadPoolExecutor(CONNECTIONS, initializer=prepare) as pool:
        list(pool.map(lambda number: own.client.request("POST", world.services, _service(number)), range(count)))
        for client in clients:
            stack.callback(client.close)


def _service(number: int) -> Json:
    spec: Json = {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "ports": [{"port": 80}]}
    if number % PAIRS == 0:
        spec |= {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"]}
    return {"metadata": {"name": f"s{number:05}"}, "spec": spec}


if __name__ == "__main__":
    sys.exit(main())
