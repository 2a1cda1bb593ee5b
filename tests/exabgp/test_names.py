"""Opening a session needs no name lookup, and an ExaBGP that starts slowly is not killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.speaker import Speaker
from tests.exabgp.test_exabgp import PREFIXES
from tests.support.bgp.listener import Listener
from tests.support.engine.process import Node, settled, to

RECORD_LOOKUPS = """
import os, sys
LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyaddr", "socket.gethostbyname", "socket.getnameinfo"}
def record(event, arguments):
    if event in LOOKUPS:
        with open(os.environ["RECORD"], "a") as file:
            print(sys.orig_argv, event, arguments, file=file)
sys.addaudithook(record)
"""
"""Python raises these audit events before it asks the resolver."""
START_SLOWLY = """
import sys, time
if "exalb_bgp.exabgp.server" in sys.orig_argv:
    time.sleep(7)
"""
VALIDATE = """
import asyncio, pathlib, sys
from exalb_bgp.exabgp import config_file, settings
assert asyncio.run(config_file.accepts(settings.EngineSettings(pathlib.Path(sys.argv[1])), ()))
"""
FOLLOW = """
import asyncio, contextlib
import kopf
from exalb.kube.kopf_feed import operate
with contextlib.suppress(Exception):  # it has no credentials
    asyncio.run(operate(kopf.OperatorRegistry(), asyncio.Event()))
"""


def startup(directory: Path, code: str) -> dict[str, str]:
    """Return the environment in which each Python process runs this code first."""
    (directory / "startup").mkdir()
    (directory / "startup" / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(directory / "startup"), "RECORD": str(directory / "lookups")}


async def session_comes_up(node: Node) -> None:
    async with Listener() as router, node.driver() as driver:
        driver.apply(Speaker({"tor": to(router)}, {"tor": {PREFIXES[0]: Attributes()}}))
        await settled(driver)


async def test_session_opens_without_lookup(tmp_path: Path) -> None:
    with Node(tmp_path / "engine", environment=startup(tmp_path, RECORD_LOOKUPS)) as node:
        await session_comes_up(node)
    assert not (tmp_path / "lookups").exists(), (tmp_path / "lookups").read_text()


@pytest.mark.parametrize("program", [VALIDATE, FOLLOW], ids=["validation", "kopf"])
def test_program_starts_without_lookup(tmp_path: Path, program: str) -> None:
    command = [sys.executable, "-c", program, str(tmp_path)]
    subprocess.run(command, env=os.environ | startup(tmp_path, RECORD_LOOKUPS), check=True, timeout=60)
    assert not (tmp_path / "lookups").exists(), (tmp_path / "lookups").read_text()


def test_lookup_is_recorded(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "exabgp", "version"]
    subprocess.run(command, env=os.environ | startup(tmp_path, RECORD_LOOKUPS), check=True, capture_output=True)
    assert "gethostbyaddr" in (tmp_path / "lookups").read_text()


async def test_slow_start_of_exabgp_is_not_killed(tmp_path: Path) -> None:
    with Node(tmp_path / "engine", environment=startup(tmp_path, START_SLOWLY)) as node:
        assert await node.ask("version")
        started = node.exabgp()
        await session_comes_up(node)
        assert node.exabgp() == started
