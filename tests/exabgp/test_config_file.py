"""A configuration is validated and written; a failure of that never closes a good session."""

import asyncio
import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from exalb_bgp.exabgp import config_file
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.speaker import Speaker
from tests.exabgp.test_driver import GOAL, driving
from tests.support.bgp.listener import Listener
from tests.support.engine.fake_exabgp import FakeExaBGP
from tests.support.engine.process import Node, settled, to, until

TOR = GOAL.sessions["tor"]
SPINE = replace(TOR, peer="spine", peer_address=IPv4Address("10.77.0.101"))
ACCEPTS = """
import asyncio, sys
from pathlib import Path
from exalb_bgp.exabgp.config_file import accepts
from exalb_bgp.exabgp.settings import EngineSettings
print(asyncio.run(accepts(EngineSettings(Path(sys.argv[1])), ())))
"""


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    """Return the settings of an engine."""
    return EngineSettings(tmp_path)


def validations() -> Iterable[int]:
    """Yield the processes of this one that validate a configuration."""
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with contextlib.suppress(OSError):
            if b"validate" in Path(f"/proc/{pid}/cmdline").read_bytes():
                yield int(pid)


async def test_killed_validation_is_repeated(settings: EngineSettings) -> None:
    """The kernel kills it so when memory is short."""
    async with FakeExaBGP(settings).running() as exabgp, driving(settings) as driver:
        async with asyncio.timeout(20):
            await driver.settled()
        running = asyncio.get_running_loop().create_future()

        def look() -> None:
            for pid in validations():
                os.kill(pid, signal.SIGKILL)
                running.set_result(pid)
                return
            asyncio.get_running_loop().call_later(0.001, look)

        driver.apply(Speaker({"tor": TOR, "spine": SPINE}))
        look()
        async with asyncio.timeout(60):
            await running
            assert "10.77.0.100" in exabgp.configuration
            await driver.settled()
        assert "10.77.0.101" in exabgp.configuration
        assert all("rejects" not in str(session.last_error) for session in driver.status().sessions.values())


async def test_endless_validation_is_no_answer(settings: EngineSettings) -> None:
    with pytest.raises(OSError, match="took longer"):
        await config_file.accepts(settings, [TOR], limit=0.001)
    assert not list(validations())
    assert not list(settings.directory.iterdir())


def test_options_of_another_exabgp_are_ignored(settings: EngineSettings) -> None:
    foreign = {"exabgp_daemon_umask": "nonsense", "exabgp.log.level": "nonsense", "EXABGP_ENVFILE": "/dev/zero"}
    command = [sys.executable, "-c", ACCEPTS, str(settings.directory)]
    output = subprocess.run(command, env=os.environ | foreign, capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout.strip() == "True"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EDQUOT, "free space"),
        (errno.EACCES, "allow this user to write"),
        (errno.EROFS, "allow this user to write"),
        (errno.ENOENT, "create the engine's directory"),
        (errno.EIO, "none, unless"),
    ],
)
def test_remedy_fits_the_error(number: int, words: str) -> None:
    assert config_file.remedy(OSError(number, os.strerror(number))).startswith(words)
    assert config_file.remedy(OSError("the validation took longer")).startswith("none, unless")


async def test_removed_configuration_is_written_again(tmp_path: Path) -> None:
    with Node(tmp_path / "engine") as node:
        async with Listener() as router, node.driver() as driver:
            driver.apply(Speaker({"tor": to(router)}, {"tor": {}}))
            await settled(driver)
            node.settings.configuration.unlink()
            os.kill(node.exabgp(), signal.SIGKILL)
            await until(driver, lambda: router.connections == 2)
            await settled(driver)


@pytest.mark.parametrize("torn", [b"", b"\xff torn", b"process exalb {\n  run"])
async def test_torn_configuration_is_written_again(tmp_path: Path, torn: bytes) -> None:
    settings = EngineSettings(tmp_path / "engine")
    settings.directory.mkdir(mode=0o700)
    settings.configuration.write_bytes(torn)
    with Node(settings.directory) as node:
        async with Listener() as router, node.driver() as driver:
            driver.apply(Speaker({"tor": to(router)}, {"tor": {}}))
            await settled(driver)
