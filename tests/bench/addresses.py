"""Measure 10,000 addresses in a control plane of its own: `python -m tests.bench.addresses [--count N] [--json FILE]`.

The Services are there before the controller is, so ExaLB is measured and not their creation. `tests.bench.pure`
measures the decisions alone.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial

from tests.bench.control_plane import Benchmark, programs_of
from tests.bench.figures import COUNT, MEGABYTES, MILLISECONDS, SECONDS, WRITES, Figure, Measure
from tests.bench.services import spread
from tests.lab import wait
from tests.lab.api import Client, Json
from tests.lab.audit import Request
from tests.lab.cluster import Lab
from tests.support import objects
from tests.support.kubernetes.programs import Program
from tests.support.kubernetes.world import OURS, World
from tests.support.processes import resident

NAME, DEADLINE = "benchip", 900
POOL = {"addresses": ["10.0.0.0/8", "2001:db8::/64"]}
PAIRS = 10
"""Every so many Services want both families."""
MEASURES = {
    "memory-empty": Measure("memory of the controller, no Service, MB", aim="≤ 100"),
    "created": Measure("Services created, without ExaLB, s"),
    "bulk": Measure("the controller leads → the last Service has an address, s"),
    "writes": Measure("writes per Service, events left out", aim="1"),
    "refused": Measure("… refused by the API server", aim="0"),
    "one-more": Measure("one more Service → its address, ms"),
    "memory": Measure("memory of the controller, all Services, MB", aim="≤ 150"),
    "memory-again": Measure("… after a restart, MB", aim="≤ 150"),
    "writes-again": Measure("writes to Services after a restart, the new one left out", aim="0"),
}
"""By key, in the order of the table."""
BENCHMARK = Benchmark(
    lab=NAME,
    module="tests.bench.addresses",
    about=__doc__,
    count=10_000,
    counted="how many Services",
    measures=MEASURES,
    title="{} Services",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    return BENCHMARK.run(arguments, _measure)


def _measure(lab: Lab, count: int) -> Iterator[Figure]:
    with World(lab) as world, programs_of(lab) as (programs, server):
        empty = programs.controller("empty", server, world.namespace)
        empty.wait_leads(seconds=120)
        yield _memory("memory-empty", empty)
        empty.end()
        begun = time.time()
        spread(lab, partial(_create, world), range(count))
        yield Figure("created", SECONDS, [time.time() - begun])
        world.custom("ipaddresspools", "IPAddressPool", "main", POOL)
        mark = world.end_of_audit
        full = programs.controller("full", server, world.namespace)
        yield from _bulk(world, full, count, mark)
        waits = [_one_more(world, full)]
        yield _memory("memory", full)
        full.end()
        mark = world.end_of_audit
        again = programs.controller("again", server, world.namespace)
        again.wait_leads(seconds=120)
        waits.append(_one_more(world, again))
        yield Figure("one-more", MILLISECONDS, waits)
        yield _memory("memory-again", again)
        yield Figure("writes-again", WRITES, [len(_to_services(world, again, mark)) - 1])


def _create(world: World, client: Client, number: int) -> None:
    client.request("POST", world.services, _service(number))


def _bulk(world: World, program: Program, count: int, mark: int) -> Iterator[Figure]:
    program.wait_leads(seconds=120)
    begun = time.time()

    def done() -> bool:
        usage = world.api.get(f"{OURS}/ipaddresspools/main").get("status", {}).get("ipv4", {})
        assert usage.get("assigned") == count, usage
        return True

    wait.until("every Service is counted", done, seconds=DEADLINE, every=1)
    written = _at_rest(world, program, mark)
    yield Figure("bulk", SECONDS, [max(write.completed for write in written) - begun])
    yield Figure("writes", WRITES, [len(written) / count])
    yield Figure("refused", COUNT, [sum(write.status != 200 for write in written)])


def _at_rest(world: World, program: Program, mark: int) -> list[Request]:
    """Return the program's writes to Services, once there are no more of them for some seconds."""
    written: list[Request] = []
    while len(found := _to_services(world, program, mark)) > len(written):
        written = found
        time.sleep(3)
    return written


def _to_services(world: World, program: Program, mark: int) -> list[Request]:
    return [write for write in world.writes(program.user, mark) if write.resource == "services/status"]


def _one_more(world: World, program: Program) -> float:
    """Return the milliseconds until one more Service has its address."""
    name, begun = f"more-{program.user}", time.time()
    world.service(name)
    world.wait_address(name, DEADLINE)
    return 1000 * (time.time() - begun)


def _memory(key: str, program: Program) -> Figure:
    now, most = resident(program.process.pid)
    return Figure(key, MEGABYTES, [now], detail={"at most": most})


def _service(number: int) -> Json:
    spec: Json = {"allocateLoadBalancerNodePorts": False, "ports": [{"port": 80}]}
    if number % PAIRS == 0:
        spec |= {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"]}
    return objects.service(f"s{number:05}", **spec)


if __name__ == "__main__":
    sys.exit(main())
