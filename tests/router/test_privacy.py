"""The engine's processes run as an ordinary user, and a password is in one private file only."""

import base64
import stat
from pathlib import Path

import pytest

from exalb_bgp.session import Password
from tests.support.engine.supervised import USER, runner
from tests.support.routers.world import Peer, World

SECRET = "hush-hush-0123"
FORMS = SECRET.encode(), base64.b64encode(SECRET.encode())


PARTS = "exabgp.supervisor", "exabgp.server", "relay.py", "drive"


def processes(world: World) -> list[Path]:
    """List the directories in /proc of all that runs on the node."""
    assert all(world.engine.find(part) for part in PARTS)
    running = [Path(f"/proc/{pid}") for pid in world.node.pids()]
    return [pid for pid in running if any(part in _command(pid) for part in PARTS)]


def _command(process: Path) -> str:
    return (process / "cmdline").read_text().replace("\0", " ")


def test_processes_run_as_ordinary_user_without_capabilities(world: World) -> None:
    if runner()[0] is None:
        pytest.skip("no Python here that an ordinary user may run: install python3 for all users")
    for process in processes(world):
        lines = (process / "status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        assert status["Uid"].split() == status["Gid"].split() == [str(USER)] * 4
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert status["NoNewPrivs"] == "1"


def test_exabgp_shows_its_memory_to_root_alone(world: World) -> None:
    """The kernel gives to root what /proc shows of such a process; otherwise it belongs to the user of the process."""
    if runner()[0] is None:
        pytest.skip("no Python here that an ordinary user may run: install python3 for all users")
    owners = {
        part: (Path(f"/proc/{world.engine.pid(part)}") / "environ").stat().st_uid
        for part in ("exabgp.server", "relay.py")
    }
    assert owners == {"exabgp.server": 0, "relay.py": USER}


def test_password_is_in_one_private_file(world: World, trio: list[Peer]) -> None:
    for peer in trio:
        world.change(peer, {"password": Password(SECRET.encode())}, {"password": SECRET})
    world.act()
    world.until_established(*trio)
    world.engine.settle()
    for process in processes(world):
        for name in ("cmdline", "environ"):
            assert not any(form in (process / name).read_bytes() for form in FORMS), f"{process}/{name}"
    assert SECRET not in repr(world.engine.status)
    directory = world.engine.seen
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    private = {path: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in directory.iterdir()}
    assert set(private.values()) == {0}, private
    holders = [path for place in (directory, world.node.state) for path in place.rglob("*") if _holds(path)]
    assert set(holders) == {directory / "exabgp.conf"}


def _holds(path: Path) -> bool:
    return path.is_file() and any(form in path.read_bytes() for form in FORMS)
