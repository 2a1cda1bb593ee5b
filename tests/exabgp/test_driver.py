"""The driver when ExaBGP does not work as it must."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Address
from typing import cast

import pytest
import structlog

from exalb_bgp.exabgp.driver.driver import ExaBGPDriver
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import Session, State
from exalb_bgp.speaker import Speaker
from tests.support.bgp.api_lines import AGREED, line, sent
from tests.support.engine.fake_exabgp import FakeExaBGP

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
    """Answers a reload, does not carry it out, and ends some seconds later."""

    def __init__(self, settings: EngineSettings, after: float) -> None:
        super().__init__(settings, lose=1000)
        self._after = after

    def answer(self, command: str) -> None:
        """Answer, and leave."""
        super().answer(command)
        if command == "reload":
            asyncio.get_running_loop().call_later(self._after, self.leave)


@pytest.mark.parametrize("after", [0.0, 0.001, 0.002, 0.004])
async def test_exabgp_that_dies_with_reload_causes_no_wait(settings: EngineSettings, after: float) -> None:
    async with driving(settings) as driver:
        dying = Dying(settings, after)
        async with dying.running():
            await dying.asked("reload")
            await dying.gone()
        async with FakeExaBGP(settings).running(), asyncio.timeout(20):
            await driver.settled()


async def test_lost_reload_is_requested_until_it_works(settings: EngineSettings) -> None:
    async with FakeExaBGP(settings, lose=3).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
        assert exabgp.commands.count("reload") == 4
        assert "10.77.0.100" in exabgp.configuration


async def test_exabgp_without_reload_is_restarted(settings: EngineSettings) -> None:
    async with FakeExaBGP(settings, lose=1000).running() as exabgp, driving(settings):
        await exabgp.asked("shutdown")
        assert exabgp.commands.count("reload") < 300


async def test_rejected_session_keeps_no_other_closed(settings: EngineSettings) -> None:
    """After an ExaBGP has refused one configuration, it would refuse every later one."""
    tor = GOAL.sessions["tor"]
    no_number = cast("int", 3.5)
    hasty = replace(tor, peer="hasty", peer_address=IPv4Address("10.77.0.101"), hold_time=no_number)
    async with FakeExaBGP(settings).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(60):
            await driver.settled()
            driver.apply(Speaker({"tor": replace(tor, hold_time=30), "hasty": hasty}))
            await driver.settled()
        assert "hold-time 30" in exabgp.configuration
        assert "10.77.0.101" not in settings.configuration.read_text()
        assert "rejects" in (driver.status().sessions["hasty"].last_error or "")


class Moody(FakeExaBGP):
    """Refuses the second reload."""

    def answer(self, command: str) -> None:
        """Answer."""
        if command == "reload" and self.commands.count("reload") == 1:
            self.commands.append(command)
            self.say("error")
        else:
            super().answer(command)


async def test_refused_reload_is_requested_again(settings: EngineSettings) -> None:
    async with Moody(settings).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
            another = replace(GOAL.sessions["tor"], peer="another", peer_address=IPv4Address("10.77.0.101"))
            driver.apply(Speaker({**GOAL.sessions, "another": another}))
            await driver.settled()
        assert exabgp.commands.count("reload") == 3
        assert "10.77.0.101" in exabgp.configuration


async def test_changed_routes_do_not_read_configuration(settings: EngineSettings) -> None:
    async with FakeExaBGP(settings).running(), driving(settings) as driver, asyncio.timeout(20):
        await driver.settled()
        settings.configuration.unlink()
        driver.apply(Speaker(dict(GOAL.sessions), {"tor": {}}))
        await driver.settled()
        assert not settings.configuration.exists()
        driver.apply(Speaker())
        await driver.settled()
        assert settings.configuration.exists()


async def test_running_configuration_is_not_reloaded(settings: EngineSettings) -> None:
    exabgp = FakeExaBGP(settings)
    async with exabgp.running(), driving(settings) as driver, asyncio.timeout(20):
        await driver.settled()
    before = exabgp.commands.count("reload")
    async with exabgp.running(), driving(settings) as driver, asyncio.timeout(20):
        await driver.settled()
    assert (before, exabgp.commands.count("reload")) == (1, 1)


@pytest.mark.parametrize("line", ["done", "error", '{ "exabgp": nonsense', '{ "exabgp": "5.0.0", "neighbor": {} }'])
async def test_broken_api_is_read_again(settings: EngineSettings, line: str) -> None:
    async with FakeExaBGP(settings).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
            exabgp.say(line)
            await exabgp.asked("reset", times=2)
            await driver.settled()
        assert exabgp.commands.count("reload") == 1


async def test_missing_end_of_rib_is_requested_again(settings: EngineSettings) -> None:
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


async def test_busy_peer_delays_no_other(settings: EngineSettings) -> None:
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


async def test_silent_exabgp_does_not_count_as_connected(settings: EngineSettings) -> None:
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


async def test_removed_socket_is_made_again(settings: EngineSettings) -> None:
    async with driving(settings) as driver, asyncio.timeout(20):
        async with FakeExaBGP(settings).running():
            await driver.settled()
            settings.socket.unlink()
        async with FakeExaBGP(settings).running() as another:
            await another.asked("reset")
            await driver.settled()


async def test_log_names_session_that_opened_or_closed_with_cause(settings: EngineSettings) -> None:
    with structlog.testing.capture_logs() as logs:
        async with FakeExaBGP(settings).running() as exabgp, driving(settings) as driver, asyncio.timeout(60):
            await driver.settled()
            for _ in range(2):
                exabgp.say(line("state", state="down", reason="closing connection"))
            exabgp.say(line("negotiated", negotiated=AGREED))
            exabgp.say(line("state", state="up"))
            exabgp.say(line("state", state="down", reason="closing connection"))
            while driver.status().sessions["tor"].last_error != "the TCP connection was closed":
                await driver.changed()
    seen = [(log["event"], log["peer"], log.get("reason")) for log in logs if log["event"].startswith("session_")]
    assert seen == [("session_established", "tor", None), ("session_closed", "tor", "the TCP connection was closed")]
