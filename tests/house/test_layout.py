"""Where things lie: the fixed top level, and source roots that shadow nothing."""

import operator
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import yaml

from tests.support.tree import ROOT, files


def test_top_level_is_complete() -> None:
    wanted = {"operator", "bgp", "crds", "charts", "tests", "pyproject.toml", "Makefile"}
    assert wanted <= {path.name for path in ROOT.iterdir()}


def test_source_roots_are_no_packages() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists(), "it would shadow the standard library's operator"
    assert not (ROOT / "bgp" / "__init__.py").exists()
    assert not [path for path in files() if "operator" in path.relative_to(ROOT).parts[1:-1]]


def test_operator_of_the_standard_library_is_importable() -> None:
    assert ROOT not in Path(operator.__file__ or "").parents
    subprocess.run([sys.executable, "-c", "import collections, operator; operator.eq(1, 1)"], cwd=ROOT, check=True)


def test_wheel_has_its_packages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    ours = {"exalb", "exalb_bgp", "exalb_bfd", "exalb_l2", "exalb_process"}
    assert {top for top in tops if not top.endswith(".dist-info")} == ours


def test_chart_has_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((ROOT / "charts" / "exalb" / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)
