"""What the driver does when ExaBGP does not do its part."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Address
from typing import cast

import pytest

from exalb_bgp.exabgp.driver import ExaBGPDriver
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import Session, State
from exalb_bgp.speaker import Speaker
from tests.unit.bgp.fake_exabgp import FakeExaBGP
from tests.unit.bgp.lines import AGREED, line, sent

GOAL = Speaker({"tor": Session("tor", IPv4Address("10.77.0.100"), 64512, 64513, IPv4Address("10.77.0.11"))})


@contextlib.asynccontextmanager
async def driving(settings: EngineSettings) -> AsyncIterator[ExaBGPDriver]:
    """Run a driver with a goal."""
    driver = ExaBGPDriver(settings)
    running = asyncio.create_task(driver.run())
    driver.apply(GOAL)
    try:
        yield driver
    finally:
        running.cancel()
        await asyncio.wait([running])


class Dying(FakeExaBGP):
    """Ends so many seconds after it answered a reload, which it did not carry out."""

    def __init__(self, settings: EngineSettings, after: float) -> None:
        super().__init__(settings, lose=1000)
        self._after = after

    def answer(self, command: str) -> None:
        """Answer, and leave."""
        super().answer(command)
        if command == "reload":
            asyncio.get_running_loop().call_later(self._after, self.leave)


@pytest.mark.parametrize("after", [0.0, 0.001, 0.002, 0.004])
async def test_an_exabgp_that_dies_with_a_reload_is_not_waited_for(settings: EngineSettings, after: float) -> None:
    async with driving(settings) as driver:
        dying = Dying(settings, after)
        async with dying.running():
            await dying.asked("reload")
            await dying.gone()
        async with FakeExaBGP(settings).running(), asyncio.timeout(20):
            await driver.settled()


async def test_a_lost_reload_is_asked_for_until_it_is_seen_to_work(settings: EngineSettings) -> None:
    async with FakeExaBGP(settings, lose=3).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
        assert exabgp.commands.count("reload") == 4
        assert "10.77.0.100" in exabgp.configuration


async def test_an_exabgp_that_takes_no_reload_is_started_anew(settings: EngineSettings) -> None:
    async with FakeExaBGP(settings, lose=1000).running() as exabgp, driving(settings):
        await exabgp.asked("shutdown")
        assert exabgp.commands.count("reload") < 300


async def test_a_session_that_exabgp_would_not_take_keeps_no_other_closed(settings: EngineSettings) -> None:
    """Once it read a configuration that it refuses, it would refuse every later one."""
    tor = GOAL.sessions["tor"]
    no_number = cast("int", 3.5)
    hasty = replace(tor, peer="hasty", peer_address=IPv4Address("10.77.0.101"), hold_time=no_number)
    async with FakeExaBGP(settings).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
            driver.apply(Speaker({"tor": replace(tor, hold_time=30), "hasty": hasty}))
            await driver.settled()
        assert "hold-time 30" in exabgp.configuration
        assert "10.77.0.101" not in settings.configuration.read_text()
        assert "refuses" in (driver.status().sessions["hasty"].last_error or "")


class Moody(FakeExaBGP):
    """Refuses the second reload."""

    def answer(self, command: str) -> None:
        """Answer."""
        if command == "reload" and self.commands.count("reload") == 1:
            self.commands.append(command)
            self.say("error")
        else:
            super().answer(command)


async def test_a_reload_that_is_refused_is_asked_for_again(settings: EngineSettings) -> None:
    async with Moody(settings).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
            another = replace(GOAL.sessions["tor"], peer="another", peer_address=IPv4Address("10.77.0.101"))
            driver.apply(Speaker({**GOAL.sessions, "another": another}))
            await driver.settled()
        assert exabgp.commands.count("reload") == 3
        assert "10.77.0.101" in exabgp.configuration


async def test_other_routes_are_no_reason_to_look_at_the_configuration(settings: EngineSettings) -> None:
    async with FakeExaBGP(settings).running(), driving(settings) as driver, asyncio.timeout(20):
        await driver.settled()
        settings.configuration.unlink()
        driver.apply(Speaker(dict(GOAL.sessions), {"tor": {}}))
        await driver.settled()
        assert not settings.configuration.exists()
        driver.apply(Speaker())
        await driver.settled()
        assert settings.configuration.exists()


async def test_what_runs_already_is_not_reloaded(settings: EngineSettings) -> None:
    exabgp = FakeExaBGP(settings)
    async with exabgp.running(), driving(settings) as driver, asyncio.timeout(20):
        await driver.settled()
    before = exabgp.commands.count("reload")
    async with exabgp.running(), driving(settings) as driver, asyncio.timeout(20):
        await driver.settled()
    assert (before, exabgp.commands.count("reload")) == (1, 1)


@pytest.mark.parametrize("line", ["done", "error", '{ "exabgp": nonsense', '{ "exabgp": "5.0.0", "neighbor": {} }'])
async def test_an_api_that_went_wrong_is_read_anew(settings: EngineSettings, line: str) -> None:
    async with FakeExaBGP(settings).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
            exabgp.say(line)
            await exabgp.asked("reset", times=2)
            await driver.settled()
        assert exabgp.commands.count("reload") == 1


async def test_an_end_of_rib_that_is_never_told_is_asked_for_again(settings: EngineSettings) -> None:
    """ExaBGP answers, and then drops it with a reload."""
    async with FakeExaBGP(settings).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
        exabgp.say(line("negotiated", negotiated=AGREED))
        exabgp.say(line("state", state="up"))
        await exabgp.asked("neighbor 10.77.0.100 announce eor ipv4 unicast", times=3)
        status = driver.status().sessions["tor"]
        assert (status.state, str(status.last_error)[:22]) == (State.ESTABLISHED, "nothing can be written")
        exabgp.say(sent({"eor": {"afi": "ipv4", "safi": "unicast"}}))
        async with asyncio.timeout(20):
            while driver.status().sessions["tor"].last_error:
                await driver.changed()


async def test_what_one_peer_is_told_all_the_time_keeps_no_other_waiting(settings: EngineSettings) -> None:
    async with FakeExaBGP(settings).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
        exabgp.say(line("negotiated", negotiated=AGREED))
        exabgp.say(line("state", state="up"))
        ended = sent({"eor": {"afi": "ipv4", "safi": "unicast"}}).replace("10.77.0.100", "10.77.0.101")

        chatting = True

        def chatter() -> None:
            if chatting:
                exabgp.say(ended)
                asyncio.get_running_loop().call_later(0.02, chatter)

        chatter()
        await exabgp.asked("neighbor 10.77.0.100 announce eor ipv4 unicast", times=2)
        chatting = False


async def test_an_exabgp_that_answers_nothing_does_not_count_as_connected(settings: EngineSettings) -> None:
    async with FakeExaBGP(settings).running() as exabgp, driving(settings) as driver, asyncio.timeout(120):
        await driver.settled()
        assert exabgp._helper
        exabgp._helper.send_signal(signal.SIGSTOP)
        try:
            driver.apply(Speaker())
            while driver.status().connected:
                await driver.changed()
        finally:
            exabgp._helper.send_signal(signal.SIGCONT)
        while not driver.status().connected:
            await driver.changed()
        await driver.settled()


async def test_a_socket_that_was_removed_is_made_anew(settings: EngineSettings) -> None:
    async with driving(settings) as driver, asyncio.timeout(20):
        async with FakeExaBGP(settings).running():
            await driver.settled()
            settings.socket.unlink()
        async with FakeExaBGP(settings).running() as another:
            await another.asked("reset")
            await driver.settled()
