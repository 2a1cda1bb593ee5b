"""The wheel as people install it with pipx: in an environment of its own, with the locked packages and nothing else."""

import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from tests.support.objects import pool, service
from tests.support.tree import ROOT

WEB, MAIN = service(), pool("main", "198.51.100.0/24")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it; return the directory of its programs."""
    wheels, home = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("home")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(wheels))
    _run(sys.executable, "-m", "venv", "--without-pip", str(home))
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(home)}))
    for name in re.findall(r"^(\S+)==", (ROOT / "requirements" / "runtime.txt").read_text(), re.MULTILINE):
        _link(metadata.distribution(name), packages)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(home / "bin" / "python"))
    _run(*pip, "install", "--no-index", "--no-deps", *map(str, wheels.glob("*.whl")))
    _run(*pip, "check")
    return home / "bin"


def _link(package: metadata.Distribution, packages: Path) -> None:
    """Show an installed package in another environment, without its programs."""
    tops = {path.parts[0] for path in package.files or ()} - {"..", "__pycache__"}
    assert tops, package.name
    for top in tops:
        packages.joinpath(top).symlink_to(Path(str(package.locate_file(top))))


def _run(*command: str, given: str | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_plan_reads_manifests_without_a_cluster(programs: Path) -> None:
    given = yaml.safe_dump_all([MAIN, WEB])
    assert "198.51.100.0" in _run(str(programs / "exalb"), "plan", "-f", "-", given=given)


def test_kubectl_finds_its_plugin(programs: Path) -> None:
    assert "explain" in _run(str(programs / "kubectl-exalb"), "--help")


def test_programs_run_the_wheel(programs: Path) -> None:
    """Not the checkout, and none of the packages that only tests need."""
    python = str(programs / "python")
    where = _run(python, "-P", "-c", "import exalb, exalb_bgp; print(exalb.__file__, exalb_bgp.__file__)")
    assert all(Path(path).is_relative_to(programs.parent) for path in where.split())
    _run(python, "-P", "-c", "import importlib.util as found; assert not found.find_spec('pytest')")
