"""What a driver does when its relay was started anew: it goes on from what it knows if nothing can have been missed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, ip_network

import pytest
import structlog

from exalb_bgp.exabgp.driver import ExaBGPDriver
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.rib import Attributes
from exalb_bgp.session import State
from exalb_bgp.speaker import Speaker
from tests.unit.bgp.fake_exabgp import FakeExaBGP
from tests.unit.bgp.lines import AGREED, line, path, sent
from tests.unit.bgp.test_driver import GOAL, driving

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
    """Give one with a session."""
    exabgp = FakeExaBGP(settings)
    exabgp.told = 1_000
    return exabgp


async def noticed(driver: ExaBGPDriver) -> None:
    """Wait until a driver knows that its relay went."""
    while driver.status().connected:
        await driver.changed()


@contextlib.asynccontextmanager
async def told(exabgp: FakeExaBGP) -> AsyncIterator[ExaBGPDriver]:
    """Run a driver whose peer was told a route, through a relay that then went."""
    async with driving(exabgp.settings) as driver, asyncio.timeout(30):
        async with exabgp.running():
            driver.apply(FULL)
            await exabgp.asked(ANNOUNCE)
            exabgp.say(ANNOUNCED)
            await driver.settled()
        await noticed(driver)
        yield driver


async def test_what_is_known_is_not_read_again(exabgp: FakeExaBGP) -> None:
    async with told(exabgp) as driver, exabgp.running():
        await driver.settled()
        assert driver.status().sessions["tor"].sent == 1
    assert (exabgp.commands.count(READ), exabgp.commands.count(ANNOUNCE)) == (1, 1)


@pytest.mark.parametrize("missed", [1, 1_000_000_000])
async def test_all_is_read_again_where_an_event_was_missed(exabgp: FakeExaBGP, missed: int) -> None:
    """Or where it is another ExaBGP, whose events count on from the moment of its start."""
    async with told(exabgp):
        assert exabgp.told
        exabgp.told += missed
        async with exabgp.running():
            await exabgp.asked(ANNOUNCE, times=2)  # it holds nothing, as was read
    assert exabgp.commands.count(READ) == 2


async def test_all_is_read_again_where_a_session_is_not_as_known(exabgp: FakeExaBGP) -> None:
    async with told(exabgp) as driver:
        exabgp.established = False
        async with exabgp.running():
            await exabgp.asked(READ, times=2)
            await driver.settled()
        assert driver.status().sessions["tor"].state is State.ACTIVE


async def test_what_the_next_relay_brings_first_is_no_event_missed(exabgp: FakeExaBGP) -> None:
    async with told(exabgp) as driver, exabgp.running():
        exabgp.say(line("fsm", state="ESTABLISHED"))
        await driver.settled()
    assert exabgp.commands.count(READ) == 1


async def cut_off(exabgp: FakeExaBGP, driver: ExaBGPDriver, goal: Speaker, command: str) -> None:
    """Have a driver give a command and hear no answer before its relay goes."""
    async with exabgp.running():
        await driver.settled()
        exabgp.mute = True
        driver.apply(goal)
        await exabgp.asked(command)
    await noticed(driver)
    exabgp.mute = False


@contextlib.asynccontextmanager
async def cut(exabgp: FakeExaBGP, goal: Speaker, command: str) -> AsyncIterator[ExaBGPDriver]:
    """Run a driver whose peer was told a route, and which gave a command and heard no answer."""
    async with told(exabgp) as driver:
        await cut_off(exabgp, driver, goal, command)
        yield driver


CHANGES = [(MORE, ANNOUNCE_MORE, ANNOUNCED_MORE), (GOAL, WITHDRAW, WITHDRAWN)]


@pytest.mark.parametrize(("goal", "command", "event"), CHANGES)
@pytest.mark.parametrize("lost", [0, 1])
async def test_a_command_without_an_answer_is_given_again_if_it_was_lost(
    exabgp: FakeExaBGP, goal: Speaker, command: str, event: str, lost: int
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with cut(exabgp, goal, command) as driver:
            exabgp.taken -= lost
            async with exabgp.running():
                await exabgp.asked(command, times=1 + lost)
                await exabgp.asked("reset", times=3)
                exabgp.say(event)
                await driver.settled()
    assert (exabgp.commands.count(READ), exabgp.commands.count(command)) == (1, 1 + lost)
    assert "exabgp_silent" not in [one["event"] for one in logs], "something was waited for in vain"


async def test_a_command_that_was_lost_is_given_only_if_it_is_wanted_still(exabgp: FakeExaBGP) -> None:
    async with cut(exabgp, MORE, ANNOUNCE_MORE) as driver:
        driver.apply(FULL)
        exabgp.taken -= 1
        async with exabgp.running():
            await driver.settled()
    assert (exabgp.commands.count(READ), exabgp.commands.count(ANNOUNCE_MORE)) == (1, 1)
    assert not exabgp.commands.count(WITHDRAW.replace(str(PREFIX), str(ANOTHER)))


async def test_what_was_done_and_not_answered_is_known_when_the_session_comes_again(exabgp: FakeExaBGP) -> None:
    """ExaBGP repeats what it holds: not what was withdrawn."""
    with structlog.testing.capture_logs() as logs:
        async with cut(exabgp, GOAL, WITHDRAW) as driver, exabgp.running():
            while not driver.status().connected:
                await driver.changed()
            exabgp.say(line("state", state="down", reason="closing connection"))
            exabgp.say(line("negotiated", negotiated=AGREED | {"families": ["ipv4 unicast"]}))
            exabgp.say(line("state", state="up"))
            await exabgp.asked("neighbor 10.77.0.100 announce eor ipv4 unicast")
    assert "exabgp_silent" not in [one["event"] for one in logs], "something was waited for in vain"


@pytest.mark.parametrize("lost", [-1, 2])
async def test_all_is_read_again_where_the_numbers_are_impossible(exabgp: FakeExaBGP, lost: int) -> None:
    async with cut(exabgp, GOAL, WITHDRAW) as driver:
        exabgp.taken -= lost
        async with exabgp.running():
            await exabgp.asked(READ, times=2)
            await driver.settled()


class Closing(FakeExaBGP):
    """Closes the session when the second driver comes, just before it tells of it."""

    def answer(self, command: str) -> None:
        """Answer."""
        super().answer(command)
        if command == "reset" and self.drivers == 2:
            self.say(line("state", state="down", reason="closing connection"))


async def test_what_was_asked_of_a_session_that_closed_has_all_read_again(settings: EngineSettings) -> None:
    exabgp = Closing(settings)
    exabgp.told = 1_000
    async with driving(settings) as driver, asyncio.timeout(30):
        await cut_off(exabgp, driver, FULL, ANNOUNCE)
        async with exabgp.running():
            await exabgp.asked(READ, times=2)
            await driver.settled()
