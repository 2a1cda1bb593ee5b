"""Measure a stranger's Service next to refused ones: `python -m tests.bench.crowd [--count N] [--json FILE]`.

The refused Services are in a namespace of their own, and name a pool that does not exist.
"""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from threading import Thread

from tests.bench.control_plane import Benchmark, programs_of
from tests.bench.figures import MILLISECONDS, Figure, Measure
from tests.bench.services import spread
from tests.lab import wait
from tests.lab.api import Client
from tests.lab.cluster import Lab
from tests.support import objects
from tests.support.kubernetes.world import World
from tests.support.processes import Process

NAME, DEADLINE, TRIES = "crowd", 900, 40
MEASURES = {
    "alone-answer": Measure("a Service, no other there → the API's own answer, ms"),
    "alone": Measure("… → its address, ms"),
    "at-rest-answer": Measure("next to the refused ones of another namespace, at rest → the API's own answer, ms"),
    "at-rest": Measure("… → its address, ms", aim="twice alone"),
    "changing-answer": Measure("while a refused one changes all the time → the API's own answer, ms"),
    "changing": Measure("… → its address, ms", aim="twice alone"),
}
"""By key, in the order of the table."""
BENCHMARK = Benchmark(
    lab=NAME,
    module="tests.bench.crowd",
    about=__doc__,
    count=5_000,
    counted="how many refused Services",
    measures=MEASURES,
    title="next to {} refused Services",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    return BENCHMARK.run(arguments, _measure)


def _measure(lab: Lab, count: int) -> Iterator[Figure]:
    with World(lab) as crowd, World(lab) as world, programs_of(lab) as (programs, server):
        world.pool("main", "10.0.0.0/8")
        controller = programs.controller("controller", server, world.namespace)
        controller.wait_leads(seconds=120)
        yield from _figures("alone", world)
        spread(lab, partial(_refuse, crowd), range(count))
        wait.until("every refusal is written", lambda: _is_refused(crowd, count), seconds=DEADLINE, every=2)
        wait.until("the controller rests", partial(_rests, controller.process.pid), seconds=DEADLINE)
        yield from _figures("at-rest", world)
        ended: list[bool] = []
        thread = Thread(target=_change, args=(lab, crowd, ended))
        thread.start()
        try:
            yield from _figures("changing", world)
        finally:
            ended.append(True)
            thread.join()


def _refuse(crowd: World, client: Client, number: int) -> None:
    spec = {"allocateLoadBalancerNodePorts": False, "ports": [{"port": 80}]}
    raw = objects.service(f"s{number:05}", annotations=objects.wants(pool="missing"), **spec)
    client.request("POST", crowd.services, raw)


def _is_refused(crowd: World, count: int) -> bool:
    """Return whether the Services made last have their condition, as all before them."""
    names = [f"s{number:05}" for number in (count - 1, *random.sample(range(count), 20))]
    return all(crowd.api.get(f"{crowd.services}/{name}")["status"].get("conditions") for name in names)


def _change(lab: Lab, crowd: World, ended: list[bool]) -> None:
    """Change one refused Service after the other, so that the controller always has one to look at."""
    client, number = Client.of(lab.layout), 0
    while not ended:
        number += 1
        change = {"metadata": {"annotations": objects.wants(pool=f"missing-{number}")}}
        client.request("PATCH", f"{crowd.services}/s00000", change, kind="application/merge-patch+json")
        time.sleep(0.02)
    client.close()


def _rests(pid: int) -> bool:
    """Return whether a process took less than a tenth of a processor for two seconds; events follow the statuses."""
    program = Process(pid, "controller", "")
    before = program.cpu_seconds()
    time.sleep(2)
    return program.cpu_seconds() - before < 0.2


def _figures(key: str, world: World) -> Iterator[Figure]:
    """Yield the milliseconds until the API answers about some Services, and until each has its address."""
    answers, found = list[float](), list[float]()
    for number in range(TRIES):
        name, begun = f"stranger-{number:03}", time.time()
        world.service(name)
        answers.append(1000 * (time.time() - begun))
        while not world.addresses(name):
            time.sleep(0.001)
        found.append(1000 * (time.time() - begun))
        world.delete(f"{world.services}/{name}")
        time.sleep(random.uniform(0.05, 0.15))
    yield Figure(f"{key}-answer", MILLISECONDS, answers)
    yield Figure(key, MILLISECONDS, found)


if __name__ == "__main__":
    sys.exit(main())
