"""A short run of every fuzzer, from examples on; a long one is a command of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bgp.api_lines import COUNTERS, EVENTS, HELD, NEIGHBORS

ROOT = Path(__file__).parents[2]
RUNS = 20_000


def test_no_line_makes_a_reader_trip(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not there for this Python")
    for number, line in enumerate(
        [*EVENTS, HELD, NEIGHBORS, COUNTERS, 'neighbor 10.77.0.100 {\n\tdescription "0123456789abcdef";']
    ):
        (tmp_path / str(number)).write_text(line)
    command = [sys.executable, "-m", "tests.fuzz.lines", f"-runs={RUNS}", "-seed=1", "-max_len=4096", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {RUNS} runs" in done.stderr
