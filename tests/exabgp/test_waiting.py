"""A passive session waits on a port of its own; where that is taken, it retries and affects no other session."""

import asyncio
import os
import signal
import socket
import sys
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from exalb_bgp.exabgp import config_text
from exalb_bgp.exabgp.options import environment
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.session import Session, State
from exalb_bgp.speaker import Speaker
from tests.lab import wait
from tests.support.bgp.listener import Listener
from tests.support.bgp.messages import MARKER
from tests.support.engine.process import Node, settled, to

HERE, ROUTER = IPv4Address("127.0.0.2"), IPv4Address("127.0.0.3")


def waiting(port: int) -> Session:
    """Return a session that ROUTER opens."""
    node = IPv4Address("10.0.0.1")
    return Session("waits", ROUTER, 64512, 64513, node, local_address=HERE, passive=True, listen_port=port)


def answer(port: int) -> bytes:
    """Connect as ROUTER, and return the first bytes; empty if nothing listens."""
    try:
        with socket.create_connection((str(HERE), port), timeout=5, source_address=(str(ROUTER), 0)) as connection:
            return connection.recv(len(MARKER))
    except OSError:
        return b""


async def test_taken_port_affects_no_other_session_and_is_retried(node: Node) -> None:
    with socket.create_server((str(HERE), 0)) as other:
        port = other.getsockname()[1]
        async with Listener() as router, node.driver() as driver:
            driver.apply(Speaker({"tor": to(router), "waits": waiting(port)}, {}))
            await settled(driver)
            exabgp = node.exabgp()
            other.close()
            await asyncio.to_thread(wait.until, "it listens", lambda: answer(port) == MARKER)
            assert (node.exabgp(), router.connections) == (exabgp, 1)
            assert driver.status().sessions["tor"].state is State.ESTABLISHED


async def test_engine_starts_with_taken_port(tmp_path: Path) -> None:
    """As after a crash, with the old configuration."""
    with socket.create_server((str(HERE), 0)) as other:
        port = other.getsockname()[1]
        async with Listener() as router:
            sessions = {"tor": to(router), "waits": waiting(port)}
            for _ in range(2):
                with Node(tmp_path / "bgp") as node:
                    async with node.driver() as driver:
                        driver.apply(Speaker(sessions, {}))
                        await settled(driver)


async def test_passive_session_without_call_takes_new_configuration(tmp_path: Path) -> None:
    """For example, the router closes the session just before its configuration changes."""
    with socket.create_server((str(HERE), 0)) as other:
        port = other.getsockname()[1]
    settings, helper = EngineSettings(tmp_path), tmp_path / "helper.py"
    helper.write_text("import sys; [None for _ in sys.stdin]")
    async with Listener() as router:
        waits = replace(to(router), local_address=HERE, passive=True, listen_port=port)
        settings.configuration.write_text(config_text.render([waits], [sys.executable, str(helper)]))
        command = [sys.executable, "-m", "exalb_bgp.exabgp.server", str(settings.configuration)]
        exabgp = await asyncio.create_subprocess_exec(*command, env=environment(settings))
        try:
            await asyncio.to_thread(wait.until, "it listens", lambda: answer(port) == MARKER)
            calls = replace(waits, passive=False)
            settings.configuration.write_text(config_text.render([calls], [sys.executable, str(helper)]))
            exabgp.send_signal(signal.SIGUSR1)
            await router.kept_alive(times=1)
        finally:
            exabgp.kill()
            await exabgp.wait()


async def test_stranger_at_same_moment_blocks_no_session(node: Node) -> None:
    """ExaBGP accepts connections at two addresses in one turn, here because it was stopped until both came."""
    with socket.create_server((str(HERE), 0)) as free:
        port = free.getsockname()[1]
    there, router = IPv4Address("127.0.0.4"), IPv4Address("127.0.0.5")
    other = replace(waiting(port), local_address=there, peer_address=router)
    async with node.driver() as driver:
        driver.apply(Speaker({"waits": waiting(port), "other": other}, {}))
        await driver.settled()
        await asyncio.to_thread(wait.until, "it listens", lambda: answer(port) == MARKER)
        os.kill(node.exabgp(), signal.SIGSTOP)
        with (
            socket.create_connection((str(HERE), port), source_address=("127.0.0.66", 0)),
            socket.create_connection((str(there), port), timeout=20, source_address=(str(router), 0)) as called,
        ):
            os.kill(node.exabgp(), signal.SIGCONT)
            assert await asyncio.to_thread(called.recv, len(MARKER)) == MARKER
