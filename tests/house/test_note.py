"""Figures that a test notes are shown below the results where a person asks for more, as `make outage` does."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tree import ROOT

TEST = """
def test_measure(note):
    note("requests", "0 of 36000 failed")
    assert {holds}
"""


@pytest.mark.parametrize("holds", [True, False])
def test_figures_are_shown_on_request(tmp_path: Path, holds: bool) -> None:
    (tmp_path / "test_it.py").write_text(TEST.format(holds=holds))
    pytest_ = [sys.executable, "-m", "pytest", "-p", "tests.support.note", f"--rootdir={tmp_path}", str(tmp_path)]
    shown, plain = (
        subprocess.run([*pytest_, *more], cwd=ROOT, capture_output=True, text=True, check=False).stdout
        for more in (["-v"], [])
    )
    assert "\nrequests: 0 of 36000 failed\n" in shown
    assert "\nrequests: " not in plain


def test_outage_shows_its_figures() -> None:
    make = ["make", "--no-print-directory", "--dry-run", "outage"]
    shown = subprocess.run(make, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert " -v " in shown
