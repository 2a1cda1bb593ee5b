"""Sessions are added while another one is half open, with an address at this end that the kernel chose."""

import asyncio
from ipaddress import IPv4Address, ip_network
from typing import Self

from exalb_bgp.rib import Attributes
from exalb_bgp.session import State
from exalb_bgp.speaker import Speaker
from tests.support.bgp.listener import Listener
from tests.support.bgp.messages import Kind
from tests.support.engine.process import Node, to, until

TABLE = {ip_network("198.51.100.1/32"): Attributes()}


class Slow(Listener):
    """A router that sends its first OPEN and its first KEEPALIVE when the test allows it."""

    async def __aenter__(self) -> Self:
        """Listen."""
        self.called = asyncio.Event()
        self.may = {kind: asyncio.Event() for kind in (Kind.OPEN, Kind.KEEPALIVE)}
        return await super().__aenter__()

    async def before(self, kind: Kind) -> None:
        """Wait until the test allows the message."""
        self.called.set()
        await self.may[kind].wait()


async def test_half_open_session_receives_table_after_reload(node: Node) -> None:
    """A reload makes ExaBGP forget the address; without the address the capabilities of the session are unknown."""
    slow = Slow(IPv4Address("127.0.0.2"))
    first, second = Listener(IPv4Address("127.0.0.3")), Listener(IPv4Address("127.0.0.4"))
    async with slow, first, second, node.driver() as driver:
        sessions = {"slow": to(slow, "slow")}
        driver.apply(Speaker(sessions, dict.fromkeys(sessions, TABLE)))
        await slow.called.wait()
        sessions |= {"first": to(first, "first")}
        driver.apply(Speaker(sessions, dict.fromkeys(sessions, TABLE)))
        await first.holds(set(TABLE))
        slow.may[Kind.OPEN].set()
        await until(driver, lambda: driver.status().sessions["slow"].state is State.OPEN_CONFIRM)
        sessions |= {"second": to(second, "second")}
        driver.apply(Speaker(sessions, dict.fromkeys(sessions, TABLE)))
        await second.holds(set(TABLE))
        slow.may[Kind.KEEPALIVE].set()
        await slow.holds(set(TABLE))
        assert [router.connections for router in (slow, first, second)] == [1, 1, 1]
