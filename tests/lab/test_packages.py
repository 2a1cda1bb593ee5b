"""What is missing is named, all of it, with what to type."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import packages
from tests.lab.packages import Package


def test_a_program_counts_wherever_it_comes_from() -> None:
    assert Package("whatever", ("sh",)).absent == ()
    assert packages.find("no-such-program") is None


def test_nothing_is_done_and_nothing_is_said_when_all_is_there() -> None:
    told: list[str] = []
    packages.ensure(told.append, [Package("whatever", ("sh",))])
    assert told == []


def test_one_message_names_all_that_is_missing(tmp_path: Path) -> None:
    """The machine is one without apt-get: a PATH that leads nowhere, in a process of its own."""
    script = (
        "from tests.lab import packages\n"
        "from tests.lab.packages import Package\n"
        "packages.ensure(print, [Package('one', ('no-one', 'sh')), Package('two', ('no-two@cni', 'no-three'))])\n"
    )
    root = Path(packages.__file__).parents[2]
    env = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(root)}
    run = subprocess.run([sys.executable, "-c", script], env=env, check=False, capture_output=True, text=True)
    assert run.returncode == 1
    assert "  no-one, sh (package one)\n  no-two, no-three (package two)\n" in run.stderr
    assert "apt-get install --no-install-recommends one two" in run.stderr


@pytest.mark.parametrize("group", [packages.NODES, packages.ROUTERS, packages.IMAGES, packages.CLOCKS])
def test_every_package_is_named_once_in_its_group(group: tuple[Package, ...]) -> None:
    names = [package.name for package in group]
    assert len(names) == len(set(names))


def test_no_service_starts_while_packages_are_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with packages.no_service_starts(policy):
        assert subprocess.run([policy, "frr", "start"], check=False).returncode == 101
    assert not policy.exists()


def test_a_policy_that_a_killed_run_left_forbids_nothing_and_takes_itself_away(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    script = (
        "import os, pathlib\n"
        "from tests.lab import packages\n"
        f"with packages.no_service_starts(pathlib.Path({str(policy)!r})):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    root = Path(packages.__file__).parents[2]
    subprocess.run([sys.executable, "-c", script], cwd=root, check=False)
    assert policy.exists()
    assert subprocess.run([policy, "frr", "start"], check=False).returncode == 0
    assert not policy.exists()


def test_a_policy_of_the_machine_stays_as_it_is(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("the owner's\n")
    with packages.no_service_starts(policy):
        assert policy.read_text() == "the owner's\n"
    assert policy.read_text() == "the owner's\n"
