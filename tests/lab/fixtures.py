"""Labs for tests: one of each kind for a whole run of pytest, shared by all its processes and gone when it ends.

A lab's name has the pid of the run's main process, which owns it. If that is killed, the lab's reaper removes the lab.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence

import pytest

from tests.lab import exalb, packages, reaper, sweep
from tests.lab.cluster import Lab
from tests.lab.layout import Layout
from tests.lab.packages import Package, PackagesError

APISERVER, RELEASES, WHOLE = "a", "c", "s"
"""First letters of the names: control planes without nodes, one of them for what Helm installs; a whole lab."""


@pytest.fixture(scope="session")
def apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a lab that is a control plane alone."""
    yield from _control_plane(APISERVER, tmp_path_factory)


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a control plane for tests that install the chart or parts of it, which are the whole cluster's."""
    yield from _control_plane(RELEASES, tmp_path_factory)


def _control_plane(letter: str, factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(_name(letter))
    with _one_at_a_time(factory):
        if not lab.is_up:
            _require_root()
            lab.up(nodes=0, owner=_main_process())
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a whole lab with two nodes, where ExaLB need not be."""
    lab = Lab(_name(WHOLE))
    with _one_at_a_time(tmp_path_factory):
        if not lab.is_up:
            _require_root()
            lab.up(owner=_main_process())
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def lab(nodes: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Return a whole lab with ExaLB on its two nodes."""
    with _one_at_a_time(tmp_path_factory):
        if not exalb.is_installed(nodes):
            exalb.install(nodes, exalb.PAGE)
    return nodes


def pytest_sessionstart(session: pytest.Session) -> None:
    """Clear away labs whose owners are dead, such as those of runs before the machine's last start."""
    if not _is_worker(session.config) and os.geteuid() == 0:
        for name in sweep.names():
            clear_abandoned(Layout(name))


def clear_abandoned(lab: Layout) -> None:
    """Clear a lab away if its owner is dead; look again under the lock, for the lab may just come up."""
    if _is_abandoned(lab):
        with sweep.alone(lab):
            if _is_abandoned(lab) or not any(lab.state.iterdir()):
                sweep.clear(lab)


def _is_abandoned(lab: Layout) -> bool:
    return lab.owner.exists() and reaper.owner(lab) is None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Clear the labs of this run away."""
    if not _is_worker(config):
        for letter in (APISERVER, RELEASES, WHOLE):
            lab = Lab(_name(letter))
            if lab.layout.state.exists():
                lab.down()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _main_process() -> int:
    """Return the process that outlives all workers of the run, which are its children."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _name(letter: str) -> str:
    return f"{letter}{_main_process():x}"


def _require_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("a lab is made of network namespaces and control groups: run the tests as root")


def require(group: Sequence[Package]) -> None:
    """Install what is missing of these packages; a test is skipped where that is not possible from here."""
    try:
        packages.ensure(print, group)
    except PackagesError as error:
        pytest.skip(str(error))


@contextlib.contextmanager
def _one_at_a_time(factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let one process of the run in; the others wait until it is out."""
    base = factory.getbasetemp()
    directory = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (directory / "labs.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
