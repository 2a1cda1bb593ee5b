"""Somebody sets the machine's clock while sessions are up. Only ExaBGP's own clock is set here, by libfaketime."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from exalb_bgp.exabgp import config
from exalb_bgp.exabgp.clock import Clock
from exalb_bgp.exabgp.options import environment
from exalb_bgp.exabgp.settings import EngineSettings
from tests.lab import fixtures, packages
from tests.unit.bgp.listener import Listener
from tests.unit.bgp.node import to

HELPER = "import sys; [None for _ in sys.stdin]"
HOUR = 3600


@pytest.fixture(scope="module")
def libfaketime() -> Path:
    """Find the library that lets one program see another clock, installed where it is missing."""
    fixtures.require(packages.CLOCKS)
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@asynccontextmanager
async def exabgp(directory: Path, clock: Path, libfaketime: Path, router: Listener) -> AsyncIterator[None]:
    """Run an ExaBGP with one session of a short hold time, on a clock of its own."""
    settings, helper = EngineSettings(directory), directory / "helper.py"
    helper.write_text(HELPER)
    session = replace(to(router), hold_time=3)
    settings.configuration.write_text(config.render([session], [sys.executable, str(helper)]))
    fake = {"LD_PRELOAD": str(libfaketime), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1"}
    fake["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
    command = [sys.executable, "-m", "exalb_bgp.exabgp.server", str(settings.configuration)]
    process = await asyncio.create_subprocess_exec(*command, env=environment(settings) | fake)
    try:
        yield
    finally:
        process.kill()
        await process.wait()
        for name in ("faketime_shm", "sem.faketime_sem"):  # which the library leaves behind in a program that is killed
            Path(f"/dev/shm/{name}_{process.pid}").unlink(missing_ok=True)


@pytest.mark.parametrize("step", [-HOUR, HOUR])
async def test_a_clock_that_is_set_ends_no_session(tmp_path: Path, libfaketime: Path, step: int) -> None:
    """Set back, KEEPALIVEs would not be due for an hour; set forward, the peer would not have been heard for one."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    async with Listener() as router, exabgp(tmp_path, clock, libfaketime, router):
        await router.kept_alive(times=2)
        clock.write_text(f"{step:+}")
        await router.kept_alive(times=router.keepalives + 4)
        assert router.connections == 1


def test_it_goes_on_from_the_date_of_its_beginning() -> None:
    def pass_by() -> Iterator[float]:
        yield from (5.0, 5.5, 6.0)

    seconds = pass_by()
    clock = Clock(1000.0, lambda: next(seconds))
    assert (clock(), clock()) == (1000.5, 1001.0)
