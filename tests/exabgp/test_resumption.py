"""A driver whose relay was restarted keeps its knowledge if it cannot have missed an event."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, ip_network

import pytest
import structlog

from exalb_bgp.exabgp.driver.driver import ExaBGPDriver
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.rib import Attributes
from exalb_bgp.session import State
from exalb_bgp.speaker import Speaker
from tests.exabgp.test_driver import GOAL, driving
from tests.support.bgp.api_lines import AGREED, line, path, sent
from tests.support.engine.fake_exabgp import FakeExaBGP

HOP = IPv4Address("10.77.0.11")
PREFIX = ip_network("198.51.100.1/32")
ANOTHER = ip_network("198.51.100.2/32")
FULL = Speaker(GOAL.sessions, {"tor": {PREFIX: Attributes(next_hop=HOP)}})
ANNOUNCE = f"neighbor 10.77.0.100 announce attributes next-hop {HOP} nlri {PREFIX}"
MORE = Speaker(GOAL.sessions, {"tor": {**FULL.ribs["tor"], ANOTHER: Attributes(next_hop=HOP)}})
ANNOUNCE_MORE = ANNOUNCE.replace(str(PREFIX), str(ANOTHER))
WITHDRAW = f"neighbor 10.77.0.100 withdraw attributes nlri {PREFIX}"
ANNOUNCED = sent(
    {
        "update": {
            "attribute": {"origin": "igp", "as-path": path(64512)},
            "announce": {"ipv4 unicast": {str(HOP): [{"nlri": str(PREFIX)}]}},
        }
    }
)
ANNOUNCED_MORE = ANNOUNCED.replace(str(PREFIX), str(ANOTHER))
WITHDRAWN = sent({"update": {"withdraw": {"ipv4 unicast": [{"nlri": str(PREFIX)}]}}})
READ = "show adj-rib out json"


@pytest.fixture
def exabgp(settings: EngineSettings) -> FakeExaBGP:
    """Return an ExaBGP with one session."""
    exabgp = FakeExaBGP(settings)
    exabgp.has_session = True
    return exabgp


async def noticed(driver: ExaBGPDriver) -> None:
    """Wait until a driver knows that its relay ended."""
    while driver.status().connected:
        await driver.changed()


@contextlib.asynccontextmanager
async def announced(exabgp: FakeExaBGP) -> AsyncIterator[ExaBGPDriver]:
    """Run a driver that announced a route to its peer, through a relay that then ended."""
    async with driving(exabgp.settings) as driver, asyncio.timeout(30):
        async with exabgp.running():
            driver.apply(FULL)
            await exabgp.asked(ANNOUNCE)
            exabgp.say(ANNOUNCED)
            await driver.settled()
        await noticed(driver)
        yield driver


async def test_known_state_is_not_read_again(exabgp: FakeExaBGP) -> None:
    async with announced(exabgp) as driver, exabgp.running():
        await driver.settled()
        assert driver.status().sessions["tor"].sent == 1
    assert (exabgp.commands.count(READ), exabgp.commands.count(ANNOUNCE)) == (1, 1)


@pytest.mark.parametrize(("missed", "run"), [(1, "0f7c"), (0, "another run")])
async def test_missed_event_makes_driver_read_all_again(exabgp: FakeExaBGP, missed: int, run: str) -> None:
    """One event is missed, or another ExaBGP runs, with equal counts."""
    async with announced(exabgp):
        exabgp.events += missed
        exabgp.run = run
        async with exabgp.running():
            await exabgp.asked(ANNOUNCE, times=2)  # it holds nothing, as was read
    assert exabgp.commands.count(READ) == 2


async def test_unexpected_session_state_makes_driver_read_all_again(exabgp: FakeExaBGP) -> None:
    async with announced(exabgp) as driver:
        exabgp.established = False
        async with exabgp.running():
            await exabgp.asked(READ, times=2)
            await driver.settled()
        assert driver.status().sessions["tor"].state is State.ACTIVE


async def test_first_event_of_next_relay_is_not_missed(exabgp: FakeExaBGP) -> None:
    async with announced(exabgp) as driver, exabgp.running():
        exabgp.say(line("fsm", state="ESTABLISHED"))
        await driver.settled()
    assert exabgp.commands.count(READ) == 1


async def cut_off(exabgp: FakeExaBGP, driver: ExaBGPDriver, goal: Speaker, command: str) -> None:
    """Let a driver send a command, and end its relay before the answer."""
    async with exabgp.running():
        await driver.settled()
        exabgp.mute = True
        driver.apply(goal)
        await exabgp.asked(command)
    await noticed(driver)
    exabgp.mute = False


@contextlib.asynccontextmanager
async def cut(exabgp: FakeExaBGP, goal: Speaker, command: str) -> AsyncIterator[ExaBGPDriver]:
    """Run a driver that announced a route to its peer, sent a command and received no answer."""
    async with announced(exabgp) as driver:
        await cut_off(exabgp, driver, goal, command)
        yield driver


CHANGES = [(MORE, ANNOUNCE_MORE, ANNOUNCED_MORE), (GOAL, WITHDRAW, WITHDRAWN)]


@pytest.mark.parametrize(("goal", "command", "event"), CHANGES)
@pytest.mark.parametrize("lost", [0, 1])
async def test_lost_command_is_sent_again(
    exabgp: FakeExaBGP, goal: Speaker, command: str, event: str, lost: int
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with cut(exabgp, goal, command) as driver:
            exabgp.read -= lost
            async with exabgp.running():
                await exabgp.asked(command, times=1 + lost)
                await exabgp.asked("reset", times=3)
                exabgp.say(event)
                await driver.settled()
    assert (exabgp.commands.count(READ), exabgp.commands.count(command)) == (1, 1 + lost)
    assert "exabgp_silent" not in [entry["event"] for entry in logs], "the driver waited for an answer that never came"


async def test_lost_command_is_sent_again_only_if_still_wanted(exabgp: FakeExaBGP) -> None:
    async with cut(exabgp, MORE, ANNOUNCE_MORE) as driver:
        driver.apply(FULL)
        exabgp.read -= 1
        async with exabgp.running():
            await driver.settled()
    assert (exabgp.commands.count(READ), exabgp.commands.count(ANNOUNCE_MORE)) == (1, 1)
    assert not exabgp.commands.count(WITHDRAW.replace(str(PREFIX), str(ANOTHER)))


async def test_unanswered_command_is_known_when_session_returns(exabgp: FakeExaBGP) -> None:
    """ExaBGP repeats the routes that it holds, without withdrawn ones."""
    with structlog.testing.capture_logs() as logs:
        async with cut(exabgp, GOAL, WITHDRAW) as driver, exabgp.running():
            while not driver.status().connected:
                await driver.changed()
            exabgp.say(line("state", state="down", reason="closing connection"))
            exabgp.say(line("negotiated", negotiated=AGREED | {"families": ["ipv4 unicast"]}))
            exabgp.say(line("state", state="up"))
            await exabgp.asked("neighbor 10.77.0.100 announce eor ipv4 unicast")
    assert "exabgp_silent" not in [entry["event"] for entry in logs], "the driver waited for an answer that never came"


@pytest.mark.parametrize("lost", [-1, 2])
async def test_impossible_numbers_make_driver_read_all_again(exabgp: FakeExaBGP, lost: int) -> None:
    async with cut(exabgp, GOAL, WITHDRAW) as driver:
        exabgp.read -= lost
        async with exabgp.running():
            await exabgp.asked(READ, times=2)
            await driver.settled()


class Closing(FakeExaBGP):
    """Closes the session when the second driver comes, just before it reports it."""

    def answer(self, command: str) -> None:
        """Answer."""
        super().answer(command)
        if command == "reset" and self.drivers == 2:
            self.say(line("state", state="down", reason="closing connection"))


async def test_command_to_closed_session_makes_driver_read_all_again(settings: EngineSettings) -> None:
    exabgp = Closing(settings)
    exabgp.has_session = True
    async with driving(settings) as driver, asyncio.timeout(30):
        await cut_off(exabgp, driver, FULL, ANNOUNCE)
        async with exabgp.running():
            await exabgp.asked(READ, times=2)
            await driver.settled()
