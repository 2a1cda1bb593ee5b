"""The driver and a real ExaBGP, as an ordinary program runs them, against a router on the loopback."""

import asyncio
import contextlib
import os
import re
import select
import shlex
import signal
import sys
from dataclasses import replace
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from typing import Any

import pytest

from exalb_bgp.rib import Attributes, Prefix
from exalb_bgp.session import Family, Password, Session, State
from exalb_bgp.speaker import Speaker
from tests.support.bgp.listener import LOOPBACK, Listener
from tests.support.engine.process import Node, settled, to, until

ROOT = Path(__file__).parents[2]
PREFIXES: list[Prefix] = [ip_network(f"198.51.100.{number}/32") for number in range(200)]


async def test_tables_arrive_and_new_driver_sends_nothing(node: Node) -> None:
    table = dict.fromkeys(PREFIXES, Attributes(med=1))
    async with Listener() as router:
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": to(router)}, {"tor": table}))
            await settled(driver)
            assert driver.status().sessions["tor"].families == {Family.IPV4}
            await router.holds(set(PREFIXES))
            await router.ended()
            assert router.ends == [Family.IPV4]
            assert driver.status().sessions["tor"].counts.updates == router.updates - len(router.ends)
        before = router.updates
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": to(router)}, {"tor": dict(table)}))
            await settled(driver)
            assert driver.status().sessions["tor"].sent == len(table)
            assert (router.updates, router.connections) == (before, 1)
            driver.apply(Speaker({"tor": to(router)}, {"tor": dict(list(table.items())[10:])}))
            await router.holds(set(PREFIXES[10:]))
            await settled(driver)
            assert (router.updates, router.connections) == (before + 1, 1)


async def test_killed_exabgp_and_lost_session_return_with_table(node: Node) -> None:
    async with Listener() as router, node.driver() as driver:
        driver.apply(Speaker({"tor": to(router)}, {"tor": dict.fromkeys(PREFIXES, Attributes())}))
        await settled(driver)
        router.close()
        await until(driver, lambda: driver.status().sessions["tor"].state is not State.ESTABLISHED)
        driver.apply(Speaker({"tor": to(router)}, {"tor": dict.fromkeys(PREFIXES[5:], Attributes())}))
        await settled(driver)
        await router.holds(set(PREFIXES[5:]))
        os.kill(node.exabgp(), signal.SIGKILL)
        await until(driver, lambda: not driver.status().connected)
        await until(driver, lambda: driver.status().connected)
        await settled(driver)
        await router.holds(set(PREFIXES[5:]))
        assert router.connections == 3


async def test_hung_exabgp_is_restarted(node: Node) -> None:
    """Otherwise routers would keep its routes for a hold time, even if the endpoints end."""
    async with Listener() as router, node.driver() as driver:
        driver.apply(Speaker({"tor": to(router)}, {"tor": dict.fromkeys(PREFIXES, Attributes())}))
        await settled(driver)
        os.kill(node.exabgp(), signal.SIGSTOP)
        driver.apply(Speaker({"tor": to(router)}, {"tor": dict.fromkeys(PREFIXES[5:], Attributes())}))
        await router.holds(set(PREFIXES[5:]), seconds=90)
        assert router.connections == 2


async def test_hung_exabgp_ends_with_supervisor(tmp_path: Path) -> None:
    """The next supervisor starts another, and two of them would claim the same sessions."""
    node = Node(tmp_path)
    await node.ask("show neighbor summary")
    exabgp = os.pidfd_open(node.exabgp())
    signal.pidfd_send_signal(exabgp, signal.SIGSTOP)
    node.supervisor.kill()
    node.supervisor.wait()
    ended, _, _ = select.select([exabgp], [], [], 20)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(exabgp, signal.SIGKILL)
    os.close(exabgp)
    assert ended


async def test_sessions_come_and_go_alone(node: Node) -> None:
    """An impossible session and a peer that does not answer stop no other session."""
    async with Listener() as router, node.driver() as driver:
        tor = to(router)
        nobody = replace(tor, peer="nobody", peer_address=IPv4Address("127.0.0.2"), peer_port=1)
        twice = replace(tor, peer="twice", hold_time=30)
        tables = {"tor": {PREFIXES[0]: Attributes()}}
        driver.apply(Speaker({"tor": tor, "nobody": nobody, "twice": twice}, tables))
        await settled(driver)
        sessions = driver.status().sessions
        assert sessions["nobody"].state is not State.ESTABLISHED
        assert "127.0.0.2 port 1" in (sessions["nobody"].last_error or "")
        assert sessions["twice"].last_error == "the address 127.0.0.1 is already used by the peer tor"
        driver.apply(Speaker({"tor": tor}, tables))
        await settled(driver)
        assert router.connections == 1
        driver.apply(Speaker({"tor": replace(tor, hold_time=30)}, tables))
        await until(driver, lambda: router.connections == 2)
        await settled(driver)
        await router.holds({PREFIXES[0]})
        driver.apply(Speaker())
        await router.holds(set())


async def test_configuration_is_private_and_password_is_in_no_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    session = replace(Session("tor", LOOPBACK, 64512, 64513, IPv4Address("10.0.0.1")), password=Password(b"hush-hush"))
    with Node(tmp_path / "engine", "DEBUG") as node:
        async with node.driver() as driver:
            driver.apply(Speaker({"tor": session}))
            async with asyncio.timeout(20):
                await driver.settled()
            assert node.settings.configuration.stat().st_mode & 0o777 == 0o600
            assert node.settings.socket.stat().st_mode & 0o777 == 0o600
            assert "hush" not in repr(driver.status())
    said = capfd.readouterr()
    assert "md5-password" in said.err, "ExaBGP did not log its configuration"
    assert "hush" not in said.out + said.err
    assert "aHVzaC1odXNo" not in said.out + said.err


EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "bgp" / "README.md").read_text(), re.DOTALL)


async def test_readme_example_runs(tmp_path: Path) -> None:
    directory = tmp_path / "engine"
    directory.mkdir(mode=0o700)
    async with Listener() as router:
        command = [sys.executable, "-c", EXAMPLES[0], str(directory), str(LOOPBACK), str(router.port)]
        program = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        async with asyncio.timeout(30):
            said, _ = await program.communicate()
        assert program.returncode == 0, shlex.join(command)
        assert "State.ESTABLISHED" in said.decode()
        assert router.updates >= 1


async def test_examples_without_engine_run() -> None:
    namespace: dict[str, Any] = {}
    exec(EXAMPLES[1], namespace)  # noqa: S102  # it is our own
    key = namespace["with_key"](Session("tor", LOOPBACK, 64512, 64513, IPv4Address("10.0.0.1")), b"hush")
    assert key.password == Password(b"hush")
    program = await asyncio.create_subprocess_exec(sys.executable, "-c", EXAMPLES[2], stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        said, _ = await program.communicate()
    assert program.returncode == 0
    assert "med=10" in said.decode()
    assert "State.ESTABLISHED" in said.decode()
    assert "the TCP connection was closed" in said.decode()


async def test_each_router_gets_its_own_routes(node: Node) -> None:
    async with Listener() as router, Listener(IPv4Address("127.0.0.3")) as other, node.driver() as driver:
        sessions = {"tor": to(router), "other": to(other, "other")}
        driver.apply(
            Speaker(
                sessions,
                {
                    "tor": dict.fromkeys(PREFIXES[:5], Attributes()),
                    "other": dict.fromkeys(PREFIXES[3:], Attributes()),
                },
            )
        )
        await settled(driver)
        await settled(driver, "other")
        await other.holds(set(PREFIXES[3:]))
        await router.holds(set(PREFIXES[:5]))
        assert other.table == set(PREFIXES[3:])
