"""Follow one event, stage by stage: `python -m tests.bench.trace [--others N …] [--json FILE]`.

Everything is real but the API server, of which only the TLS connection is: the client, the store, the decisions, the
driver, the relay, ExaBGP, and a router on the loopback. The API server's end, the speaker and the router share one
process here; ExaBGP and the relay have their own. Needs no root.

The stages inside the speaker are its time of a processor, so that other work on the machine does not count; the others
are time that passed. One row has what is left: waiting for a processor.
"""

import asyncio
import gc
import json
import ssl
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

from exalb.announcement.planner import RoutePlanner
from exalb.kube.client import ApiClient, WatchEvent
from exalb.kube.credentials import Credentials
from exalb.kube.store import Store
from exalb.model.kinds import ENDPOINT_SLICE, Kind, Program, watched_by
from exalb.model.local_node import LocalNode
from exalb.validation.rules import Validator
from exalb_bgp.exabgp import relay
from exalb_bgp.exabgp.driver.driver import ExaBGPDriver
from tests.bench import report
from tests.bench.figures import MICROSECONDS, Figure, Measure, load_average
from tests.lab.pki import Authority
from tests.support.bgp.listener import Listener
from tests.support.engine.process import Node, settled
from tests.support.objects import Object, assigned_service, at_version, endpoint, endpoints, node, peer, pool

TRIES, PAUSE = 200, 0.02
"""Events of each kind, and seconds between two events."""
OTHERS = (1_000, 10_000)
"""How many other Services there are: one trace for each number."""
STAGES = {
    "kernel": "kernel, TLS, HTTP: from the API server's write to a line",
    "json": "JSON of the line",
    "store": "parse, and store",
    "snapshot": "snapshot",
    "validate": "validate the resources",
    "plan": "plan the node",
    "driver": "driver: the difference, as commands, to its socket",
    "relay": "relay, from socket to pipe",
    "exabgp": "ExaBGP, kernel: from the pipe to the router's end",
    "waiting": "waiting for a processor",
    "all": "all",
}
EVENTS = {
    "service": "a Service with its address comes → UPDATE",
    "endpoint": "the endpoint is not ready any more → withdrawal",
}


def _key(event: str, stage: str, others: int) -> str:
    return f"{event}-{stage}" if others == OTHERS[0] else f"{event}-{stage}-{others}"


def measures(sizes: Sequence[int] = OTHERS) -> dict[str, Measure]:
    """Return the rows for these numbers of other Services."""
    return {
        _key(event, stage, others): Measure(f"{said}, {others:,} others: {words}" if number == 0 else f"… {words}")
        for others in sizes
        for event, said in EVENTS.items()
        for number, (stage, words) in enumerate(STAGES.items())
    }


Spent = dict[str, float]


class Api:
    """The API server's end of one watch, over TLS."""

    def __init__(self, directory: Path) -> None:
        self._authority = Authority.create(directory / "pki")
        self._writer: asyncio.StreamWriter | None = None
        self._came = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Credentials]:
        """Yield what a client needs."""
        made = self._authority.issue("server", "server", addresses=[IPv4Address("127.0.0.1")])
        own, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=self._authority.cert)
        own.load_cert_chain(made.cert, made.key)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=own)
        async with server:
            yield Credentials(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", theirs, lambda: None)
            if self._writer:
                self._writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        self._writer = writer
        self._came.set()

    async def watched(self) -> None:
        """Wait until somebody watches."""
        await self._came.wait()
        await asyncio.sleep(0)

    def write(self, line: bytes) -> None:
        """Send one line of the watch."""
        assert self._writer
        self._writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")


class Speaker:
    """The work of a speaker for an event, one stage after the other."""

    def __init__(self, api: Api, watch: AsyncIterator[WatchEvent], driver: ExaBGPDriver, router: Listener) -> None:
        self._api, self._watch, self._driver, self._router = api, watch, driver, router
        self._kinds = {kind.name: kind for kind in watched_by(Program.SPEAKER)}
        self._store = Store(self._kinds.values())
        self._validator, self._planner = Validator(), RoutePlanner("n1")
        self._version = 1

    def begin(self, objects: Iterable[Object]) -> None:
        """Take what is there already, and drive it."""
        by_kind = defaultdict(list)
        for raw in objects:
            by_kind[raw["kind"]].append(raw)
        for kind in self._kinds.values():
            listing = self._store.listing(kind)
            listing.add((at_version(1, raw) for raw in by_kind[kind.name]), 1)
            listing.finish()
        self._store.observe(LocalNode(gateways={}, link_locals={}))
        self._decide(defaultdict(float))

    async def take(self, kind: Kind, raw: Object) -> None:
        """Take an object that changes no route."""
        self._version += 1
        self._store.put(kind, at_version(self._version, raw))

    async def event(self, happened: str, kind: Kind, raw: Object, *, prefix: str, there: bool) -> Spent:
        """Have the API server write an event, and return how long each stage took until the router knows."""
        self._version += 1
        line = json.dumps({"type": happened, "object": at_version(self._version, raw)}).encode() + b"\n"
        spent: Spent = {}
        arrived = asyncio.create_task(self._arrived(prefix, there=there))
        reading = asyncio.create_task(self._next())
        await self._api.watched()
        begun = perf_counter()
        self._api.write(line)
        event = await reading
        received, now = perf_counter(), thread_time()
        json.loads(line)
        spent["json"] = thread_time() - now
        spent["kernel"] = received - begun - spent["json"]
        begun += perf_counter() - received  # the line was read a second time
        now = thread_time()
        self._store.put(kind, event.object)
        spent["store"] = thread_time() - now
        self._decide(spent)
        sent = perf_counter()
        ended = await arrived
        spent["exabgp"], spent["all"] = ended - sent, ended - begun
        spent["waiting"] = spent["all"] - sum(spent[stage] for stage in STAGES if stage in spent and stage != "all")
        return spent

    async def _next(self) -> WatchEvent:
        return await anext(self._watch)

    def _decide(self, spent: Spent) -> None:
        moments = [thread_time()]
        cluster = self._store.snapshot()
        moments.append(thread_time())
        rules = self._validator.validate(cluster)
        moments.append(thread_time())
        plan = self._planner.plan(cluster, rules)
        moments.append(thread_time())
        self._driver.apply(plan.speaker)
        moments.append(thread_time())
        for stage, before, after in zip(("snapshot", "validate", "plan", "driver"), moments, moments[1:], strict=False):
            spent[stage] = after - before

    async def _arrived(self, prefix: str, *, there: bool) -> float:
        wanted = ip_network(prefix)
        await self._router.until(lambda: (wanted in self._router.table) is there)
        return perf_counter()


async def relay_hop(directory: Path) -> list[float]:
    """Return how long single lines take through a relay, in seconds."""
    path, came = directory / "hop.sock", asyncio.get_running_loop().create_future()

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set_result(writer)

    server = await asyncio.start_unix_server(accept, path)
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-I", "-S", relay.__file__, str(path)]
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdin
    assert process.stdout
    writer, taken = await came, list[float]()
    for _ in range(TRIES):
        await asyncio.sleep(PAUSE)
        begun = perf_counter()
        writer.write(b"neighbor 127.0.0.1 announce route 198.51.100.1/32 next-hop 10.77.0.1\n")
        await process.stdout.readline()
        taken.append(perf_counter() - begun)
    process.stdin.close()
    await process.wait()
    writer.close()
    server.close()
    return taken


def _others(count: int) -> list[Object]:
    found = []
    for number in range(count):
        name = f"team/web-{number:05}"
        found.append(assigned_service(name, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", **LOCAL))
        found.append(endpoints(name, endpoint("10.88.0.1", "n1"), endpoint("10.88.0.2", "n2")))
    return found


LOCAL: dict[str, Any] = {"ports": [{"port": 80}], "externalTrafficPolicy": "Local"}


async def _follow(directory: Path, others: int) -> dict[str, list[Spent]]:
    found: dict[str, list[Spent]] = {"service": [], "endpoint": []}
    hops = await relay_hop(directory)
    api = Api(directory)
    with Node(directory / "engine") as engine:
        async with (
            Listener() as router,
            engine.driver() as driver,
            api.running() as credentials,
            ApiClient(credentials) as client,
        ):
            kinds = {kind.name: kind for kind in watched_by(Program.SPEAKER)}
            watch = client.watch("/", {}, "1", 600)
            speaker = Speaker(api, watch, driver, router)
            base = [
                pool("main", "10.0.0.0/8"),
                peer("tor", peerAddress="127.0.0.1", peerPort=router.port),
            ]
            speaker.begin([*base, node("n1", "192.0.2.1"), node("n2", "192.0.2.2"), *_others(others)])
            await settled(driver)
            gc.collect()
            gc.freeze()
            for number in range(TRIES):
                name, address = f"team/new-{number:03}", f"10.255.0.{number}"
                parts = (
                    endpoints(name, endpoint("10.88.0.1", "n1", ready=True)),
                    endpoints(name, endpoint("10.88.0.1", "n1", ready=False)),
                )
                await speaker.take(ENDPOINT_SLICE, parts[0])
                for event, kind, raw, there in (
                    ("service", kinds["Service"], assigned_service(name, address, **LOCAL), True),
                    ("endpoint", ENDPOINT_SLICE, parts[1], False),
                ):
                    await asyncio.sleep(PAUSE)
                    spent = await speaker.event("ADDED", kind, raw, prefix=f"{address}/32", there=there)
                    found[event].append({**spent, "relay": hops[number], "exabgp": spent["exabgp"] - hops[number]})
                    await driver.settled()
            await watch.aclose()  # type: ignore[attr-defined]  # it is a generator
    return found


def _figures(others: int) -> Iterator[Figure]:
    before = load_average()
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(_follow(Path(directory), others))
    load = (before, load_average())
    for event, spents in found.items():
        for stage in STAGES:
            yield Figure(_key(event, stage, others), MICROSECONDS, [1e6 * spent[stage] for spent in spents], load)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = report.parser("tests.bench.trace", __doc__)
    parser.add_argument("--others", type=int, nargs="+", default=OTHERS, help="how many other Services there are")
    options = parser.parse_args(arguments)
    figures = [figure for others in options.others for figure in _figures(others)]
    title = "One event, stage by stage, in µs: median / 99th percentile"
    return report.publish(figures, options.json, measures(options.others), title)


if __name__ == "__main__":
    sys.exit(main())
