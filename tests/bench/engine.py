"""Measure exalb_bgp against routers of our own, and GoBGP: `python -m tests.bench.engine [--only …] [--json FILE]`.

Needs root for its network namespaces, and GoBGP. Time begins when a decision is handed to the driver, or a process is
started, and ends when the octets reach a router.
"""

import asyncio
import os
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from pathlib import Path

from rich.console import Console

from exalb_bgp.rib import Attributes, Prefix
from tests.bench import report
from tests.bench.bgp_rig import NODE, ROUTERS, Network, Running, routes
from tests.bench.figures import MEGABYTES, MILLISECONDS, PERCENT, SECONDS, Figure, Measure, load_average
from tests.bench.rival import Rival
from tests.support.bgp.receiver import Receiver
from tests.support.lab_run import lab_run
from tests.support.processes import Process

NAME = "benchbgp"
TABLE, FLOOD, TRIES, ONE_BY_ONE = 10_000, 50_000, 3, 200
IDLE = 20.0
"""Seconds of rest in which processors are watched."""
PAUSE = 0.05
NEW: Prefix = ip_network("192.0.2.1/32")
MEASURES = {
    "cold-1": Measure("engine started → 10,000 routes at one router, s", aim="≤ 0.8"),
    "cold-4": Measure("engine started → 10,000 routes at each of four routers, s", aim="≤ 1.5"),
    "bulk-1": Measure("sessions up: 10,000 routes decided → all at one router, s"),
    "bulk-4": Measure("… at each of four routers, s"),
    "cpu-1": Measure("… ExaBGP's time of a processor, one router, s"),
    "cpu-4": Measure("… four routers, s"),
    "gobgp-1": Measure("… by GoBGP, fed by its client: one router, s"),
    "gobgp-4": Measure("… four routers, s"),
    "ratio-1": Measure("… exalb_bgp in multiples of GoBGP's time: one router"),
    "ratio-4": Measure("… four routers"),
    "one": Measure("decision → wire, one route more than 10,000, ms", aim="p50 ≤ 5"),
    "gobgp-one": Measure("… by GoBGP and its client, ms"),
    "overtaking": Measure("withdrawal decided in the midst of 10,000 → wire, ms"),
    "overtaken": Measure("… routes that were still to come then"),
    "relay": Measure("relay killed, 10,000 routes → the next decision on the wire, ms", aim="≤ 100"),
    "relay-few": Measure("… 100 routes", aim="≤ 100"),
    "restart": Measure("ExaBGP killed, 10,000 routes, no graceful restart → all there again, s"),
    "restart-few": Measure("… 100 routes", aim="≤ 1"),
    "idle": Measure("idle CPU of supervisor, ExaBGP, relay and driver, 10,000 routes, % of a core", aim="≤ 0.2"),
    "memory": Measure("memory of ExaBGP with 10,000 routes, MB"),
    "flood-cpu": Measure("50,000 routes received: time of a processor, s"),
    "flood-memory": Measure("… memory that stays of them, MB"),
    "flood-one": Measure("… decision → wire for another router meanwhile, ms"),
}
"""By key, in the order of the table."""

Scenario = Callable[[Network], AsyncIterator[Figure]]


async def cold(network: Network) -> AsyncIterator[Figure]:
    """Announce 10,000 routes from the very start, to one router and to four."""
    for count in (1, 4):
        table, taken = routes(TABLE), list[float]()
        for _ in range(TRIES):
            with network.receivers(count) as routers:
                async with network.engine(table, *ROUTERS[:count]) as running:
                    for router in routers:
                        await asyncio.to_thread(router.wait_end_of_rib)
                    taken.append(max([await _complete(router, set(table)) for router in routers]) - running.begun)
        yield Figure(f"cold-{count}", SECONDS, taken)


async def bulk(network: Network) -> AsyncIterator[Figure]:
    """Decide on 10,000 routes while sessions are Established, with one router and with four."""
    table = routes(TABLE)
    for count in (1, 4):
        taken, spent = list[float](), list[float]()
        for _ in range(TRIES):
            with network.receivers(count) as routers:
                async with network.engine({}, *ROUTERS[:count]) as running:
                    await running.settled()
                    exabgp = Process(running.pids["exabgp"], "exabgp", "")
                    before, begun = exabgp.cpu_seconds(), running.announce(table)
                    await running.settled()
                    spent.append(exabgp.cpu_seconds() - before)
                    taken.append(max([await _complete(router, set(table)) for router in routers]) - begun)
        yield Figure(f"bulk-{count}", SECONDS, taken)
        yield Figure(f"cpu-{count}", SECONDS, spent)


async def rival(network: Network) -> AsyncIterator[Figure]:
    """Have GoBGP announce the same."""
    table, times = routes(TABLE), list[float]()
    for count in (1, 4):
        taken = []
        for _ in range(TRIES):
            gobgp = Rival(network.node, NODE)
            with network.receivers(count) as routers, gobgp.running(ROUTERS[:count]):
                for router in routers:
                    await asyncio.to_thread(router.wait_open)
                with gobgp.fed(table) as begun:
                    taken.append(max([await _complete(router, set(table)) for router in routers]) - begun)
                for number in range(ONE_BY_ONE // 4 // TRIES if count == 1 else 0):
                    new = _new(number)
                    seen, begun = len(router.pieces), gobgp.add(new)
                    times.append(1000 * (await asyncio.to_thread(router.received_at, _octets(new), seen) - begun))
        yield Figure(f"gobgp-{count}", SECONDS, taken)
    yield Figure("gobgp-one", MILLISECONDS, times)


async def _complete(router: Receiver, table: set[Prefix]) -> float:
    """Wait until a router has all of a table; return when the last of it came."""
    while True:
        try:
            return router.completed(table)
        except LookupError:
            await asyncio.sleep(0.2)


def _octets(prefix: Prefix) -> bytes:
    return bytes([prefix.prefixlen]) + prefix.network_address.packed


def _new(number: int) -> Prefix:
    return ip_network((int(IPv4Address("192.0.2.0")) + number, 32))


async def one(network: Network) -> AsyncIterator[Figure]:
    """Decide on one more route, again and again, in addition to 10,000; then rest."""
    table: dict[Prefix, Attributes] = routes(TABLE)
    with network.receivers(1) as [router]:
        async with network.engine(table, *ROUTERS[:1]) as running:
            await running.settled()
            yield Figure("one", MILLISECONDS, [await _decide(running, router, table, n) for n in range(ONE_BY_ONE)])
            await running.settled()
            pids = running.pids
            yield Figure("memory", MEGABYTES, [_memory(pids["exabgp"])])
            yield await _idle(pids)


async def relay(network: Network) -> AsyncIterator[Figure]:
    """Kill the relay, and decide at once on one more route."""
    for key, count in (("relay", TABLE), ("relay-few", 100)):
        table, times = routes(count), list[float]()
        with network.receivers(1) as [router]:
            async with network.engine(table, *ROUTERS[:1]) as running:
                for number in range(TRIES):
                    await running.settled()
                    os.kill(running.pid("relay.py", every=0.002), signal.SIGKILL)
                    times.append(await _decide(running, router, table, number))
        yield Figure(key, MILLISECONDS, times)


async def _decide(running: Running, router: Receiver, table: dict[Prefix, Attributes], number: int) -> float:
    """Add one route; return the milliseconds until it was on the wire."""
    new, hop = _new(number), next(iter(table.values()))
    table = table | {new: hop}
    seen, begun = len(router.pieces), running.announce(table)
    ended = await asyncio.to_thread(router.received_at, _octets(new), seen)
    await asyncio.sleep(PAUSE)
    return 1000 * (ended - begun)


async def _idle(pids: dict[str, int]) -> Figure:
    processes = {name: Process(pid, name, "") for name, pid in pids.items()}
    before, driver = {name: one.cpu_seconds() for name, one in processes.items()}, time.thread_time()
    await asyncio.sleep(IDLE)
    spent = {name: one.cpu_seconds() - before[name] for name, one in processes.items()}
    spent["driver"] = time.thread_time() - driver
    detail = {name: 100 * seconds / IDLE for name, seconds in spent.items()}
    return Figure("idle", PERCENT, [sum(detail.values())], detail=detail)


async def overtaking(network: Network) -> AsyncIterator[Figure]:
    """Withdraw a route that was announced first while thousands of others are on their way."""
    table, times, left = routes(TABLE), list[float](), list[float]()
    gone = next(iter(table))
    for _ in range(TRIES):
        with network.receivers(1) as [router]:
            async with network.engine({gone: table[gone]}, *ROUTERS[:1]) as running:
                await running.settled()
                running.announce(table)
                await asyncio.to_thread(router.received_at, _octets(list(table)[TABLE // 4]), 0)
                begun = running.announce({prefix: attributes for prefix, attributes in table.items() if prefix != gone})
                await running.settled()
                messages = router.messages()
                withdrawn = next(message.time for message in messages if gone in message.withdrawn)
                times.append(1000 * (withdrawn - begun))
                left.append(sum(len(message.announced) for message in messages if message.time > withdrawn))
    yield Figure("overtaking", MILLISECONDS, times)
    yield Figure("overtaken", "", left)


async def restart(network: Network) -> AsyncIterator[Figure]:
    """Kill ExaBGP where no graceful restart is agreed."""
    for key, count in (("restart", TABLE), ("restart-few", 100)):
        table, taken = routes(count), list[float]()
        with network.receivers(1) as [router]:
            async with network.engine(table, *ROUTERS[:1], restart=None) as running:
                for _ in range(TRIES):
                    await running.settled()
                    sessions, begun = _sessions(router), time.time()
                    os.kill(running.pid("exalb_bgp.exabgp.server", every=0.002), signal.SIGKILL)
                    await asyncio.to_thread(router.wait, lambda: _sessions(router) > sessions)  # noqa: B023
                    await asyncio.to_thread(router.wait_end_of_rib)
                    taken.append(await _complete(router, set(table)) - begun)
                    await asyncio.sleep(1)
        yield Figure(key, SECONDS, taken)


def _sessions(router: Receiver) -> int:
    return len([piece for _, piece in router.pieces if not piece])


async def flood(network: Network) -> AsyncIterator[Figure]:
    """Have a router send 50,000 routes, and decide on routes for another one meanwhile."""
    table = routes(100)
    with network.receivers(2) as [sender, router]:
        async with network.engine(table, *ROUTERS[:2]) as running:
            await running.settled()
            exabgp = running.pids["exabgp"]
            process, memory = Process(exabgp, "exabgp", ""), _memory(exabgp)
            spent = process.cpu_seconds()
            sender.send(FLOOD)
            times, calm = list[float](), 0
            while calm < 5:
                before = process.cpu_seconds()
                times.append(await _decide(running, router, table, len(times)))
                calm = calm + 1 if process.cpu_seconds() - before < PAUSE / 2 else 0
            yield Figure("flood-cpu", SECONDS, [process.cpu_seconds() - spent])
            yield Figure("flood-memory", MEGABYTES, [_memory(exabgp) - memory])
            yield Figure("flood-one", MILLISECONDS, times[:-5])


def _memory(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) / 1000 for line in rollup.splitlines() if line.startswith("Pss:"))


SCENARIOS: dict[str, Scenario] = {
    "cold": cold,
    "bulk": bulk,
    "rival": rival,
    "one": one,
    "relay": relay,
    "overtaking": overtaking,
    "restart": restart,
    "flood": flood,
}


def _ratios(figures: Sequence[Figure]) -> list[Figure]:
    medians = {figure.key: statistics.median(figure.values) for figure in figures}
    return [
        Figure(f"ratio-{count}", "", [medians[f"bulk-{count}"] / medians[f"gobgp-{count}"]])
        for count in (1, 4)
        if {f"bulk-{count}", f"gobgp-{count}"} <= medians.keys()
    ]


async def _measure(network: Network, names: Sequence[str], console: Console) -> list[Figure]:
    figures = []
    for name in names:
        before = load_average()
        async for figure in SCENARIOS[name](network):
            figures.append(replace(figure, load=(before, load_average())))
            console.print(f"{MEASURES[figure.key].text}: {report.shown(figure)}")
    return figures + _ratios(figures)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    options = report.parser("tests.bench.engine", __doc__, SCENARIOS).parse_args(arguments)
    with lab_run(NAME) as lab:
        figures = asyncio.run(_measure(Network(lab), options.only, Console()))
    return report.publish(figures, options.json, MEASURES, "exalb_bgp and GoBGP")


if __name__ == "__main__":
    sys.exit(main())
