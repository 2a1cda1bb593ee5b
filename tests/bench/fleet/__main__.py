"""Measure the load of many speakers on one API server: `make fleet`, `python -m tests.bench.fleet [--nodes N …]`.

The API server and etcd are real and alone in a lab; speakers, a controller and their clients are real, except for the
BGP engine, and share one process. So times are those of this process and say little; what counts is what the API server
says of its own work. Needs root.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from rich.console import Console

from exalb.kube.client import ApiClient
from exalb.programs.controller import Controller
from exalb.programs.settings import ControllerSettings
from exalb.runtime import logs
from tests.bench import report
from tests.bench.figures import EXPONENT, SECONDS, Figure, Measure, load_average
from tests.bench.fleet.first_plan import first_plans, have_services
from tests.bench.fleet.scene import Scene
from tests.bench.fleet.speakers import Fleet, wait_routes
from tests.bench.fleet.usage import Usage
from tests.bench.growth import exponent
from tests.lab import fabric
from tests.lab.cluster import ESTIMATE, Lab
from tests.lab.narration import Narration

NAME = "fleet"
NODES, SERVICES, MOST = (10, 100, 500), 200, 10_000
REST_SECONDS, SETTLED_SECONDS, ROLLED = 120.0, 20.0, 10
CALM_SECONDS = 100.0
"""After this the controller has counted who announces what (decision 047: other numbers once a minute)."""
FIRST_PLAN = "first-plan"
"""The part after all sizes."""
MEASURES = {
    "start-requests": Measure("all speakers start at once: requests of a speaker"),
    "start-megabytes": Measure("… MB that the API server answers a speaker"),
    "start-processor": Measure("… the API server's time of a processor for a speaker, ms"),
    "start-rejected": Measure("… requests that priority and fairness rejected"),
    "start-seconds": Measure("… until each has all routes, s, most of it the time of the process of this benchmark"),
    "watches": Measure("… watches of a speaker"),
    "rest-requests": Measure("at rest: requests of a speaker in a minute"),
    "rest-writes": Measure("… writes of a speaker in a minute"),
    "rest-kilobytes": Measure("… kB that the API server answers a speaker in a minute"),
    "rest-processor": Measure("… the API server's time of a processor for a speaker in a minute, ms"),
    "rest-memory": Measure("… the API server's memory, MB"),
    "status-seconds": Measure("`kubectl exalb status`, the least of three, s", aim="≤ 1 at 20 nodes"),
    "explain-seconds": Measure("… `kubectl exalb explain` of a Service", aim="≤ 1 at 20 nodes"),
    "change-writes": Measure("one Service comes: writes, divided by the speakers"),
    "change-kilobytes": Measure("… kB that the API server answers a speaker"),
    "change-processor": Measure("… the API server's time of a processor for a speaker, ms"),
    "roll-requests": Measure("one speaker after the other is replaced: requests for each"),
    "roll-megabytes": Measure("… MB that the API server answers for each"),
    "roll-writes": Measure("… writes for each"),
    "outage-requests": Measure(
        "the API server is killed and starts: ended requests of a speaker until each has a new Service"
    ),
    "outage-rejected": Measure("… requests that priority and fairness rejected"),
    "outage-seconds": Measure("… from a ready API server until each has a new Service, s"),
    FIRST_PLAN: Measure(
        f"a speaker starts next to {MOST:,} Services, {2 * MOST:,} slices and {NODES[-1]} Nodes → all its routes, s",
        aim="≤ 5",
    ),
}
TOTALS = {
    "start-requests": "requests of all at the start",
    "start-megabytes": "MB of the answers to all at the start",
    "start-processor": "the API server's time at the start",
    "rest-requests": "requests of all at rest",
    "rest-kilobytes": "kB of the answers to all at rest",
    "rest-processor": "the API server's time at rest",
    "change-writes": "writes of all when one Service comes",
    "change-kilobytes": "kB of the answers to all when one Service comes",
    "change-processor": "the API server's time when one Service comes",
}
"""The cost of all speakers together, and how it grows with their number."""
ON_PAPER = 5_000
PAPER = {
    "start-processor": Measure("on paper, 5,000 nodes: all start, the API server's time of a processor, s"),
    "rest-processor": Measure("… at rest, the API server, % of a processor"),
    "change-processor": Measure("… one Service comes, the API server's time of a processor, s"),
}
MEASURES |= {
    f"{key}-exponent": Measure(f"exponent over the nodes: {text}", aim="≤ 1", limit=1.2) for key, text in TOTALS.items()
}
MEASURES |= {f"{key}-paper": measure for key, measure in PAPER.items()}
Values = Mapping[str, float]


class Measurement:
    """The load of one size of the fleet on the API server."""

    def __init__(self, lab: Lab, scene: Scene, api: ApiClient) -> None:
        self._lab, self._scene, self._api = lab, scene, api
        self._rested: Usage | None = None

    async def of(self, count: int, parts: Collection[str]) -> Values:
        """Measure the start of so many speakers, and these of PARTS; they have ended when this returns."""
        found = dict[str, float]()
        await asyncio.to_thread(self._scene.have_nodes, count)
        fleet, before = Fleet(self._scene.credentials("exalb-speaker"), count), await Usage.read(self._api)
        await fleet.start(self._scene.services)
        used = (await Usage.read(self._api)).since(before)
        found |= {"start-seconds": used.seconds, "start-rejected": used.rejected}
        found["watches"] = watches = (used.watches - before.watches) / count
        found |= {"start-requests": used.requests / count + watches, "start-megabytes": used.megabytes / count}
        found["start-processor"] = 1000 * used.processor / count
        self._say(found)
        for part in [part for name, part in PARTS.items() if name in parts]:
            await asyncio.sleep(SETTLED_SECONDS)
            measured = await part(self, fleet)
            self._say(measured)
            found |= measured
        await fleet.end()
        return found

    def _say(self, values: Values) -> None:
        self._lab.narration.say(", ".join(f"{key} {value:.3g}" for key, value in values.items()))

    async def _rest(self, fleet: Fleet) -> Values:
        await asyncio.sleep(CALM_SECONDS)
        before, count = await Usage.read(self._api), len(fleet.members)
        await asyncio.sleep(REST_SECONDS)
        self._rested = used = (await Usage.read(self._api)).since(before)
        minutes = used.seconds / 60
        return {
            "rest-requests": used.requests / count / minutes,
            "rest-writes": used.writes / count / minutes,
            "rest-kilobytes": 1000 * used.megabytes / count / minutes,
            "rest-processor": 1000 * used.processor / count / minutes,
            "rest-memory": used.memory,
        }

    async def _answers(self, _: Fleet) -> Values:
        subjects = {"status-seconds": ["status"], "explain-seconds": ["explain", *self._scene.any_service]}
        return {key: await asyncio.to_thread(self._answer, words) for key, words in subjects.items()}

    def _answer(self, words: Sequence[str]) -> float:
        argv = [sys.executable, "-m", "exalb", *words, f"--kubeconfig={self._lab.layout.kubeconfig}"]
        environment, took = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}, list[float]()  # pip writes byte code too
        for _ in range(3):
            begun = time.monotonic()
            done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment)
            took.append(time.monotonic() - begun)
            if done.returncode not in {0, 1}:  # 1 is an answer too: something is wrong in the cluster
                raise RuntimeError(f"exalb {' '.join(words)}: {done.stderr}")
        return min(took)

    async def _change(self, fleet: Fleet) -> Values:
        before, count = await Usage.read(self._api), len(fleet.members)
        await self._add_service(fleet)
        await asyncio.sleep(SETTLED_SECONDS)
        used = (await Usage.read(self._api)).since(before).beyond(self._rested)
        return {
            "change-writes": used.writes / count,
            "change-kilobytes": 1000 * used.megabytes / count,
            "change-processor": 1000 * used.processor / count,
        }

    async def _roll(self, fleet: Fleet) -> Values:
        before, rolled = await Usage.read(self._api), min(ROLLED, len(fleet.members))
        await fleet.roll(rolled)
        await asyncio.sleep(SETTLED_SECONDS)
        used = (await Usage.read(self._api)).since(before).beyond(self._rested)
        return {
            "roll-requests": used.requests / rolled,
            "roll-megabytes": used.megabytes / rolled,
            "roll-writes": used.writes / rolled,
        }

    async def _outage(self, fleet: Fleet) -> Values:
        """Kill the API server and start it; the new process counts from zero."""
        server, loop = self._lab.control_plane, asyncio.get_running_loop()
        await asyncio.to_thread(server.stop, "kube-apiserver")
        server.start("kube-apiserver")
        await asyncio.to_thread(server.wait_ready)
        begun = loop.time()
        await self._add_service(fleet)
        took, used, count = loop.time() - begun, await Usage.read(self._api), len(fleet.members)
        return {
            "outage-requests": used.requests / count,
            "outage-rejected": used.rejected,
            "outage-seconds": took,
        }

    async def _add_service(self, fleet: Fleet) -> None:
        await asyncio.to_thread(self._scene.add_services, 1)
        await wait_routes(fleet.members, self._scene.services)


PARTS: Mapping[str, Callable[[Measurement, Fleet], Awaitable[Values]]] = {
    "rest": Measurement._rest,
    "answers": Measurement._answers,
    "change": Measurement._change,
    "roll": Measurement._roll,
    "outage": Measurement._outage,
}
"""In their order."""


@asynccontextmanager
async def _controller(scene: Scene) -> AsyncIterator[ApiClient]:
    """Have a controller; yields its client."""
    credentials = scene.credentials("exalb-controller")
    async with ApiClient(credentials) as api:
        task = asyncio.create_task(Controller(api, credentials, ControllerSettings()).run())
        try:
            yield api
        finally:
            task.cancel()
            await asyncio.wait([task])


async def _measure(
    lab: Lab, sizes: Sequence[int], services: int, parts: Collection[str]
) -> tuple[list[Values], list[float]]:
    """Return what each size cost, and the seconds of the first plans next to the most Services."""
    scene, found = Scene(lab), list[Values]()
    await asyncio.to_thread(scene.make)
    async with _controller(scene) as api:
        await asyncio.to_thread(scene.add_services, services)
        for size in sizes:
            with lab.narration.step(f"{size} speakers, {services:,} Services"):
                found.append(await Measurement(lab, scene, api).of(size, parts))
        if FIRST_PLAN not in parts:
            return found, []
        with lab.narration.step(f"{MOST:,} Services with two EndpointSlices each"):
            await have_services(scene, scene.credentials("exalb-speaker"), MOST)
    with lab.narration.step("a speaker starts"):
        return found, await first_plans(scene, scene.credentials("exalb-speaker"))


def _measure_inside(lab: Lab, options: argparse.Namespace) -> tuple[list[Values], list[float]]:
    """Measure in the network of the API server, where the calling thread stays."""
    lab.layout.namespace(fabric.CONTROL_PLANE).enter()
    return asyncio.run(_measure(lab, options.nodes, options.services, options.only))


def _figures(sizes: Sequence[int], found: Sequence[Values], load: tuple[float, float]) -> list[Figure]:
    values = defaultdict[str, list[float]](list)
    for each in found:
        for key, value in each.items():
            values[key].append(float(f"{value:.3g}"))
    if len(sizes) > 1:
        values |= _growth(sizes, values)
    return [Figure(key, EXPONENT if "exponent" in key else "", each, load) for key, each in values.items()]


def _growth(sizes: Sequence[int], values: Mapping[str, Sequence[float]]) -> Mapping[str, list[float]]:
    """Return the exponents of what all speakers cost together, and that cost at a size that was not measured."""
    found = dict[str, list[float]]()
    for key in TOTALS.keys() & values.keys():
        # Few speakers can cost less than the API server's own work varies: their cost is 0 then.
        totals = {size: size * value for size, value in zip(sizes, values[key], strict=True) if value > 0}
        if len(totals) < 2:
            continue
        slope = exponent(list(totals), list(totals.values()))
        found[f"{key}-exponent"] = [round(slope, 2)]
        if key in PAPER:
            scale = 600 if key == "rest-processor" else 1000  # ms a minute as a percentage; ms as seconds
            most = max(totals)
            found[f"{key}-paper"] = [float(f"{totals[most] * (ON_PAPER / most) ** slope / scale:.2g}")]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = report.parser("tests.bench.fleet", __doc__, (*PARTS, FIRST_PLAN))
    parser.add_argument("--nodes", nargs="+", type=int, default=NODES, help="sizes of the fleet, ascending")
    parser.add_argument("--services", type=int, default=SERVICES)
    options = parser.parse_args(arguments)
    logs.configure("error", "json")
    lab, before = Lab(NAME, Narration(Console())), load_average()
    lab.narration.title(f"A control plane to measure: {ESTIMATE}")
    try:
        lab.up(nodes=0)
        with ThreadPoolExecutor(max_workers=1) as inside:
            found, plans = inside.submit(_measure_inside, lab, options).result()
    finally:
        lab.down()
    figures = _figures(options.nodes, found, (before, load_average()))
    if plans:
        figures.append(Figure(FIRST_PLAN, SECONDS, plans, (before, load_average())))
    title = f"Speakers and one API server: {', '.join(map(str, options.nodes))} nodes, {options.services:,} Services"
    return report.publish(figures, options.json, MEASURES, title)


if __name__ == "__main__":
    sys.exit(main())
