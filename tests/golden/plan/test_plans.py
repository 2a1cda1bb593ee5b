"""The output of `exalb plan` for whole sets of manifests, byte for byte."""

from pathlib import Path

import pytest

from exalb.__main__ import run
from tests.support.golden import assert_golden

HERE = Path(__file__).parent
CODES = {"first-steps": 0, "lan": 0, "racks": 0, "names-and-sharing": 1, "mistakes": 1}


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("form", ["json", "text"])
def test_plan(name: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    (manifests,) = (HERE / name).glob("manifests.*")
    assert run("exalb", ["plan", "-f", str(manifests), "-o", form]) == CODES[name]
    printed = capsys.readouterr().out
    assert "never-shown" not in printed
    lines = (line.rstrip() for line in printed.splitlines())
    assert_golden(HERE / name / f"plan.{form.replace('text', 'txt')}", "\n".join(lines) + "\n")


def test_every_folder_is_planned() -> None:
    assert {path.name for path in HERE.iterdir() if path.is_dir() and not path.name.startswith("_")} == set(CODES)
