"""The machine's clock is set while sessions are up; libfaketime sets only the clock of ExaBGP."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from exalb_bgp.exabgp import config_text
from exalb_bgp.exabgp.options import environment
from exalb_bgp.exabgp.server.clock import Clock
from exalb_bgp.exabgp.settings import EngineSettings
from tests.lab import fixtures, packages
from tests.support.bgp.listener import Listener
from tests.support.engine.process import to

HELPER = "import sys; [None for _ in sys.stdin]"
HOUR = 3600


@pytest.fixture(scope="module")
def libfaketime() -> Path:
    """Return the library that gives one program another clock; install it where it is missing."""
    fixtures.require(packages.CLOCKS)
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@asynccontextmanager
async def exabgp(directory: Path, clock: Path, libfaketime: Path, router: Listener) -> AsyncIterator[None]:
    """Run an ExaBGP with one session of a short hold time, on a clock of its own."""
    settings, helper = EngineSettings(directory), directory / "helper.py"
    helper.write_text(HELPER)
    session = replace(to(router), hold_time=3)
    settings.configuration.write_text(config_text.render([session], [sys.executable, str(helper)]))
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
async def test_changed_clock_ends_no_session(tmp_path: Path, libfaketime: Path, step: int) -> None:
    """After a step back, KEEPALIVEs would wait an hour; after a step forward, the hold time would be over."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    async with Listener() as router, exabgp(tmp_path, clock, libfaketime, router):
        await router.kept_alive(times=2)
        clock.write_text(f"{step:+}")
        await router.kept_alive(times=router.keepalives + 4)
        assert router.connections == 1


def test_clock_goes_on_from_date_of_start() -> None:
    def pass_by() -> Iterator[float]:
        yield from (5.0, 5.5, 6.0)

    seconds = pass_by()
    clock = Clock(1000.0, lambda: next(seconds))
    assert (clock(), clock()) == (1000.5, 1001.0)
