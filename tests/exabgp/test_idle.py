"""ExaBGP sleeps while nothing happens: counted in wake-ups between KEEPALIVEs, which are the only work."""

import asyncio
import socket
import subprocess
import sys
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from exalb_bgp.session import Session
from exalb_bgp.speaker import Speaker
from tests.exabgp.test_server import black_hole
from tests.exabgp.test_waiting import waiting
from tests.support.bgp import frames
from tests.support.bgp.listener import Listener
from tests.support.bgp.messages import Kind
from tests.support.engine.process import Node, settled, to
from tests.support.processes import wake_ups
from tests.support.tree import ROOT

KEEPALIVES = 4
PER_KEEPALIVE = 12
"""Wake-ups of two sessions in a second, in which each sends and receives a KEEPALIVE, and some for the machine."""


class Silent(Listener):
    """A router that stops at one message of the opening of a session."""

    def __init__(self, address: IPv4Address, stops_at: Kind) -> None:
        super().__init__(address)
        self.reached, self._stops_at, self._goes_on = asyncio.Event(), stops_at, asyncio.Event()

    async def before(self, kind: Kind) -> None:
        """Wait there until the test ends."""
        if kind is self._stops_at:
            self.reached.set()
            await self._goes_on.wait()

    def close(self) -> None:
        """Go on, and drop the session."""
        super().close()
        self._goes_on.set()


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def idle(node: Node, router: Listener) -> tuple[float, float]:
    """Return the wake-ups of ExaBGP for each KEEPALIVE of a router, and its share of a processor."""
    await router.kept_alive(router.keepalives + 1)
    keepalives, before, busy, began = (
        router.keepalives,
        wake_ups(node.exabgp()),
        node.busy(),
        asyncio.get_running_loop().time(),
    )
    await router.kept_alive(keepalives + KEEPALIVES)
    woken, share = wake_ups(node.exabgp()) - before, (node.busy() - busy) / (asyncio.get_running_loop().time() - began)
    return woken / (router.keepalives - keepalives), share


def hasty(router: Listener, name: str = "tor") -> Session:
    """Return a session that keeps itself alive once a second."""
    return replace(to(router, name), hold_time=3)


async def test_established_sessions_wake_exabgp_for_keepalives_only(node: Node) -> None:
    async with Listener() as first, Listener(IPv4Address("127.0.0.2")) as second, node.driver() as driver:
        driver.apply(Speaker({"tor": hasty(first), "other": hasty(second, "other")}, {}))
        await settled(driver)
        await settled(driver, "other")
        woken, _ = await idle(node, first)
        assert woken <= PER_KEEPALIVE


async def test_processes_around_exabgp_sleep(node: Node) -> None:
    async with Listener() as router, node.driver() as driver:
        driver.apply(Speaker({"tor": hasty(router)}, {}))
        await settled(driver)
        supervisor, relay = node.supervisor.pid, int(children(node.exabgp())[0])
        before = wake_ups(supervisor), wake_ups(relay)
        await router.kept_alive(router.keepalives + 2 * KEEPALIVES)
        woken = wake_ups(supervisor) - before[0], wake_ups(relay) - before[1]
        assert (woken[0] < KEEPALIVES, woken[1] < KEEPALIVES) == (True, True), woken


async def test_driver_sleeps(node: Node) -> None:
    command = [sys.executable, "-m", "tests.support.engine.programs", "drive", str(node.settings.directory)]
    async with Listener() as router:
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as driver:
            assert driver.stdin
            frames.write(driver.stdin, frames.Apply(Speaker({"tor": hasty(router)}, {})))
            await router.ended()
            await router.kept_alive(router.keepalives + 2)
            before = wake_ups(driver.pid)
            await router.kept_alive(router.keepalives + 2 * KEEPALIVES)
            woken = wake_ups(driver.pid) - before
            driver.terminate()
        assert woken < 2 * KEEPALIVES, woken


async def test_unreachable_and_silent_peers_wake_exabgp_seldom(node: Node) -> None:
    """One whose SYNs are lost, one that refuses, one that is to connect, one without OPEN, one without KEEPALIVE."""
    with socket.create_server(("127.0.0.7", 0)) as free:
        refusing = free.getsockname()[1]
    mute, slow = Silent(IPv4Address("127.0.0.5"), Kind.OPEN), Silent(IPv4Address("127.0.0.6"), Kind.KEEPALIVE)
    async with Listener() as router, mute, slow, node.driver() as driver:
        with black_hole() as port:
            tor = hasty(router)
            lost = replace(tor, peer="lost", peer_address=IPv4Address("127.0.0.2"), peer_port=port)
            refused = replace(tor, peer="refused", peer_address=IPv4Address("127.0.0.7"), peer_port=refusing)
            others = {"mute": to(mute, "mute"), "slow": to(slow, "slow"), "waits": waiting(refusing)}
            driver.apply(Speaker({"tor": tor, "lost": lost, "refused": refused, **others}, {}))
            await settled(driver)
            await asyncio.gather(mute.reached.wait(), slow.reached.wait())
            woken, share = await idle(node, router)
        assert (woken <= 2 * PER_KEEPALIVE, share < 0.3) == (True, True), (woken, share)
