"""Machines that are less kind than others: ExaBGP starts, and its sessions open, all the same."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.speaker import Speaker
from tests.lab import wait
from tests.support.bgp.listener import Listener
from tests.support.engine.process import Node, settled, to
from tests.support.throttled import throttled, unified

__all__ = ["throttled", "unified"]

PREFIX = ip_network("198.51.100.1/32")
INFORMED = """
import os, resource
limit, variable = resource.getrlimit, os.sysconf
MANY = 1_073_741_816
resource.getrlimit = lambda which: (MANY, MANY) if which == resource.RLIMIT_NOFILE else limit(which)
os.sysconf = lambda name: MANY if name == "SC_OPEN_MAX" else variable(name)
"""
"""The limit of open files in containers of some runtimes: a program must not go through all of them."""
PLACES = {
    "ascii": {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "TZ": "Pacific/Chatham"},
    "no such locale": {"LC_ALL": "tr_TR.ISO-8859-9", "LANGUAGE": "tr", "TZ": "America/St_Johns"},
}


async def session_opens(node: Node) -> datetime:
    """Open a session and announce a route; return when the session became Established, as the driver says."""
    async with Listener() as router, node.driver() as driver:
        driver.apply(Speaker({"tor": to(router)}, {"tor": {PREFIX: Attributes()}}))
        await settled(driver)
        await router.holds({PREFIX})
        since = driver.status().sessions["tor"].since
        assert since
        return since


@pytest.mark.parametrize("place", PLACES)
async def test_session_opens_in_every_locale(tmp_path: Path, place: str) -> None:
    with Node(tmp_path / "engine", environment=PLACES[place]) as node:
        assert abs(datetime.now(UTC) - await session_opens(node)) < timedelta(minutes=2)


async def test_session_opens_where_a_process_may_have_a_billion_files(tmp_path: Path) -> None:
    """Few kernels let a test raise the limit so far: the programs are informed of it, as they are in a container."""
    (tmp_path / "sitecustomize.py").write_text(INFORMED)
    with Node(tmp_path / "engine", environment={"PYTHONPATH": str(tmp_path)}) as node:
        await session_opens(node)
        assert node.busy() < 10, "seconds of processor time"


@pytest.mark.release
async def test_exabgp_starts_on_a_throttled_processor(tmp_path: Path, throttled: list[str]) -> None:
    """It needs a second of a processor until it answers: half a minute here, and nothing kills it meanwhile."""
    node = Node(tmp_path / "engine", inside=throttled)
    try:
        started = wait.until("ExaBGP is started", node.exabgp, seconds=200)
        with node:
            await session_opens(node)
            assert node.exabgp() == started
    finally:
        node.supervisor.kill()


@pytest.mark.release
async def test_session_opens_in_a_bounded_group_of_version_2(tmp_path: Path, unified: list[str]) -> None:
    """As in a container with limits, on a machine with control groups of version 2."""
    with Node(tmp_path / "engine", inside=unified) as node:
        await session_opens(node)
        group = Path(f"/proc/{node.exabgp()}/cgroup").read_text().splitlines()
        assert len(group) == 1
        assert group[0].startswith("0::/")
