"""The changes that this server makes to ExaBGP: reloads, reports of its sessions, and its log."""

import asyncio
import base64
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from time import monotonic

import pytest
import structlog

from exalb_bgp.exabgp import config_text
from exalb_bgp.exabgp.options import environment
from exalb_bgp.exabgp.server.log_lines import JsonLogRecord
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.rib import Attributes, Rib
from exalb_bgp.session import Password, Session
from exalb_bgp.speaker import Speaker
from tests.exabgp.test_exabgp import PREFIXES
from tests.support.bgp.listener import LOOPBACK, Listener
from tests.support.engine.process import Node, settled, to, until

ELSEWHERE, THERE = IPv4Address("127.0.0.2"), IPv4Address("127.0.0.3")
TABLE = {PREFIXES[0]: Attributes()}
MUCH: Rib = {ip_network((0x0A000000 + number, 32)): Attributes(med=number) for number in range(1000)}
"""More than is written to a peer that reads nothing."""
UNRESPONSIVE = f"""
import ctypes, os, signal
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # end with ExaBGP
os.close(0)
print("show neighbor json\\n" * 40 + "announce route {PREFIXES[0]} next-hop 10.0.0.1", flush=True)
signal.pause()
"""
"""Requests more than a buffer holds, and then a route: when the route arrives, the rest was answered."""


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """Return a port of another address where every SYN is lost: its queue of connections is full."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind((str(ELSEWHERE), 0))
        listening.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


async def test_routes_for_unreachable_peer_affect_no_other_session(node: Node) -> None:
    """Its SYNs are dropped, and a route was on its way to ExaBGP when the session ended."""
    async with Listener() as router:
        with black_hole() as port:
            tor = to(router)
            gone = replace(tor, peer="gone", peer_address=ELSEWHERE, peer_port=port)
            async with node.driver() as driver:
                driver.apply(Speaker({"tor": tor, "gone": gone}, {"tor": TABLE}))
                await settled(driver)
            exabgp = node.exabgp()
            await node.ask(f"neighbor {ELSEWHERE} announce route 192.0.2.9/32 next-hop 10.0.0.1")
            async with node.driver() as driver:
                driver.apply(Speaker({"tor": tor}, {"tor": TABLE}))
                await settled(driver)
            assert str(ELSEWHERE) not in "".join(await node.ask("show neighbor json"))
        assert (node.exabgp(), router.connections) == (exabgp, 1)


async def test_goal_before_start_of_driver_is_reached(node: Node) -> None:
    """Otherwise ExaBGP would lose its state, and the next driver could not know how much."""
    async with Listener() as router:
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": to(router)}, {"tor": TABLE}))
            await settled(driver)
        await node.ask(f"neighbor {LOOPBACK} announce route 192.0.2.9/32 next-hop 10.0.0.1\nreset")
        await router.holds({*TABLE, ip_network("192.0.2.9/32")})


async def test_driver_keeps_its_knowledge_after_killed_relay(node: Node) -> None:
    async with Listener() as router, node.driver() as driver:
        with structlog.testing.capture_logs() as logs:
            goals: list[Rib] = [TABLE, {}, MUCH]
            for goal in goals:
                driver.apply(Speaker({"tor": to(router)}, {"tor": goal}))
                await router.holds(set(goal))
                await settled(driver)
                [relay] = Path(f"/proc/{node.exabgp()}/task/{node.exabgp()}/children").read_text().split()
                os.kill(int(relay), signal.SIGKILL)
                await until(driver, lambda: not driver.status().connected)
                await until(driver, lambda: driver.status().connected)
        read = [entry["read"] for entry in logs if entry["event"] == "exabgp_connected"]
        assert (read, router.connections) == ([True, False, False, False], 1)


async def test_relay_that_dies_again_and_again_ends_exabgp_without_a_crash(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The lines that wait for it have nowhere to go."""
    async with Listener() as router:
        with Node(tmp_path / "engine") as node:
            async with node.driver() as driver:
                driver.apply(Speaker({"tor": to(router)}, {"tor": TABLE}))
                await settled(driver)
                exabgp = node.exabgp()
                while node.exabgp() == exabgp:
                    [relay] = Path(f"/proc/{exabgp}/task/{exabgp}/children").read_text().split()
                    os.kill(int(relay), signal.SIGKILL)
                    await until(driver, lambda: not driver.status().connected)
                    await until(driver, lambda: driver.status().connected)
    said = capfd.readouterr().err
    assert "Too many death" in said
    assert "crash" not in said


async def test_unresponsive_peer_affects_no_other_session(node: Node) -> None:
    """Its window is closed and its routes wait, while it still counts as Established."""
    unresponsive, late = Listener(ELSEWHERE, unresponsive=True), Listener(THERE)
    async with Listener() as router, unresponsive, late, node.driver() as driver:
        sessions = {"tor": to(router), "unresponsive": to(unresponsive, "unresponsive")}
        driver.apply(Speaker(sessions, {"tor": TABLE, "unresponsive": MUCH}))
        await until(driver, lambda: "does not read" in str(driver.status().sessions["unresponsive"].last_error))
        exabgp = node.exabgp()
        driver.apply(
            Speaker(sessions | {"late": to(late, "late")}, {"tor": TABLE, "unresponsive": MUCH, "late": TABLE})
        )
        await late.holds(set(TABLE))
        driver.apply(Speaker({"tor": to(router)}, {"tor": {}}))
        await router.holds(set())
        await settled(driver)
        assert driver.status().sessions.keys() == {"tor"}
        assert (node.exabgp(), router.connections, unresponsive.connections, late.connections) == (exabgp, 1, 1, 1)


@pytest.mark.parametrize("text", ["process exalb {\n  run /bin/true;\n  nonsense;\n}\n", None])
async def test_unreadable_configuration_changes_nothing(node: Node, text: str | None) -> None:
    async with Listener() as router, Listener(THERE) as late:
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": to(router)}, {"tor": TABLE}))
            await settled(driver)
        exabgp = node.exabgp()
        if text:
            node.settings.configuration.write_text(text)
        else:
            node.settings.configuration.unlink()
        await node.ask("reload")
        assert str(LOOPBACK) in "".join(await node.ask("show neighbor configuration"))
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": to(router), "late": to(late, "late")}, {"tor": TABLE, "late": TABLE}))
            await late.holds(set(TABLE))
        assert (node.exabgp(), router.connections) == (exabgp, 1)


async def test_session_with_unresponsive_peer_ends_with_hold_time(node: Node) -> None:
    async with Listener(ELSEWHERE, unresponsive=True) as unresponsive, node.driver() as driver:
        driver.apply(
            Speaker({"unresponsive": replace(to(unresponsive, "unresponsive"), hold_time=3)}, {"unresponsive": MUCH})
        )
        await until(driver, lambda: driver.status().sessions["unresponsive"].sent > 0)
        began, busy = monotonic(), node.busy()
        await until(driver, lambda: "hold timer" in str(driver.status().sessions["unresponsive"].last_error))
        assert node.busy() - busy < (monotonic() - began) / 3, "ExaBGP goes round and round for it"
        await until(driver, lambda: unresponsive.connections > 1)


async def test_session_that_opened_without_driver_gets_end_of_rib(node: Node) -> None:
    async with Listener() as router:
        goal = Speaker({"tor": to(router)}, {"tor": TABLE})
        async with node.driver() as driver:
            driver.apply(goal)
            await settled(driver)
        await router.ended()
        router.close()
        await router.holds(set())
        await router.holds(set(TABLE))
        async with node.driver() as driver:
            driver.apply(goal)
            await settled(driver)
            await router.ended(times=2)
        async with node.driver() as driver:
            driver.apply(goal)
            await settled(driver)
        assert (router.connections, len(router.ends)) == (2, 2)


async def test_unresponsive_helper_affects_no_session(tmp_path: Path) -> None:
    """A helper dies while ExaBGP answers. This one only stops reading, which ExaBGP notices later."""
    settings, unresponsive = EngineSettings(tmp_path), tmp_path / "unresponsive.py"
    unresponsive.write_text(UNRESPONSIVE)
    async with Listener() as router:
        settings.configuration.write_text(config_text.render([to(router)], [sys.executable, str(unresponsive)]))
        command = [sys.executable, "-m", "exalb_bgp.exabgp.server", str(settings.configuration)]
        exabgp = await asyncio.create_subprocess_exec(*command, env=environment(settings))
        try:
            await router.holds({PREFIXES[0]})
            router.close()
            await router.holds(set())
            await router.holds({PREFIXES[0]})
        finally:
            exabgp.kill()
            await exabgp.wait()


async def test_log_shows_no_password(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    session = replace(Session("tor", LOOPBACK, 64512, 64513, IPv4Address("10.0.0.1")), password=Password(b"hush-hush"))
    with Node(tmp_path / "engine", log_level="DEBUG") as node:
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": session}))
            await driver.settled()
        os.kill(node.exabgp(), signal.SIGUSR1)
        await node.ask("show neighbor configuration")
    said = capfd.readouterr().err
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert any("md5-password" in line["event"] for line in lines)
    assert "aHVzaC1odXNo" not in said
    assert {line["level"] for line in lines} >= {"debug", "warning"}
    assert all(line["logger"].startswith("exabgp.") and line["timestamp"] for line in lines)


COMMANDS = [
    *(f"show neighbor{which} {what}" for which in ("", " 127.0.0.1") for what in ("configuration", "extensive")),
    *("show neighbor summary", "show neighbor json", "show neighbor configuration json", "show adj-rib out extensive"),
    *("help", "version", "show counters"),
]


async def test_answers_to_commands_have_no_password(node: Node) -> None:
    session = replace(Session("tor", LOOPBACK, 64512, 64513, IPv4Address("10.0.0.1")), password=Password(b"hush-hush"))
    async with node.driver() as driver:
        driver.apply(Speaker({"tor": session}))
        await driver.settled()
    assert "aHVzaC1odXNo" in node.settings.configuration.read_text()
    answers = {command: "\n".join(await node.ask(command)) for command in COMMANDS}
    assert "md5-base64 true" in answers["show neighbor configuration"], "the answer is not complete"
    assert not [command for command, answer in answers.items() if "aHVzaC1odXNo" in answer or "hush" in answer]


def test_password_that_begins_another_hides_both() -> None:
    before = set(JsonLogRecord.secrets)
    short, long = (base64.b64encode(word).decode() for word in (b"secret", b"secret-2026"))
    JsonLogRecord.secrets |= {short, long}
    try:
        record = JsonLogRecord("exabgp", logging.DEBUG, __file__, 1, f"configuration md5 {long} {short}", None, None)
        assert json.loads(record.getMessage())["event"] == "md5 *** ***"
    finally:
        JsonLogRecord.secrets = before
