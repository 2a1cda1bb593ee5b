"""The error on missing programs names all of them, and the command to install them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import packages
from tests.lab.packages import Package


def test_program_from_any_source_counts() -> None:
    assert Package("whatever", ("sh",)).absent == ()
    assert packages.find("no-such-program") is None


def test_present_packages_need_no_action() -> None:
    lines: list[str] = []
    packages.ensure(lines.append, [Package("whatever", ("sh",))])
    assert lines == []


def test_message_names_all_missing_programs(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    "group",
    [
        packages.NODES,
        packages.ROUTERS,
        packages.IMAGES,
        packages.CLOCKS,
        packages.LUA,
        packages.MONITORING,
        packages.BROWSER,
        packages.PROXIES,
        packages.NEIGHBORS,
        packages.INGRESS,
        packages.REGISTRY,
    ],
)
def test_every_package_is_named_once_in_its_group(group: tuple[Package, ...]) -> None:
    names = [package.name for package in group]
    assert len(names) == len(set(names))


def test_no_service_starts_while_packages_are_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with packages.no_service_starts(policy):
        assert subprocess.run([policy, "frr", "start"], check=False).returncode == 101
    assert not policy.exists()


def test_policy_of_a_killed_run_removes_itself(tmp_path: Path) -> None:
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


def test_policy_of_the_machine_is_kept(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("the owner's\n")
    with packages.no_service_starts(policy):
        assert policy.read_text() == "the owner's\n"
    assert policy.read_text() == "the owner's\n"


def test_package_of_another_version_is_named_with_both_versions() -> None:
    frr, bird = Package("frr", (), tested="8.4"), Package("bird2", (), tested="2.0")
    installed = {"frr": "10.2-1", "bird2": "2.0.12-7"}
    assert packages.differences([frr, bird], installed) == ["frr is 10.2-1; the lab is tested with 8.4"]
    assert packages.differences([frr, bird], {"frr": "8.40-1"}) == ["frr is 8.40-1; the lab is tested with 8.4"]
    assert packages.differences([frr, bird], {}) == []


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="versions are Debian's: run the tests on Debian")
def test_versions_are_read_from_this_machine() -> None:
    (sentence,) = packages.differing([Package("dpkg", (), tested="0")])
    assert sentence.endswith("; the lab is tested with 0")
