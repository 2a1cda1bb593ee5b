"""The output of `exalb migrate metallb` for whole sets of manifests, byte for byte."""

from pathlib import Path

import pytest

from exalb.__main__ import run
from tests.support.golden import assert_golden

HERE = Path(__file__).parent
CODES = {"simple": 0, "everything": 1, "half-way": 0}


@pytest.mark.parametrize("name", CODES)
def test_migration(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("exalb", ["migrate", "metallb", "-f", str(HERE / name / "manifests.yaml")]) == CODES[name]
    printed = capsys.readouterr()
    assert "never-shown" not in printed.out + printed.err
    assert_golden(HERE / name / "objects.yaml", printed.out)
    assert_golden(HERE / name / "report.txt", printed.err)


@pytest.mark.parametrize(("mode", "code"), [("steps", 0), ("check", 1)])
def test_way(mode: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("exalb", ["migrate", "metallb", "-f", str(HERE / "half-way" / "manifests.yaml"), f"--{mode}"]) == code
    printed = capsys.readouterr().out
    assert "never-shown" not in printed
    assert_golden(HERE / "half-way" / f"{mode}.txt", printed)


def test_every_folder_is_migrated() -> None:
    assert {path.name for path in HERE.iterdir() if path.is_dir() and not path.name.startswith("_")} == set(CODES)
