"""The wrapper of `make` that keeps idle processors from sleeping."""

import os
import subprocess
import sys

from tests.support.awake import QUALITY
from tests.support.tree import ROOT


def test_command_has_the_request_open_or_a_person_is_told() -> None:
    """The kernel forgets the request when the last process that has it open ends."""
    files = "import os; print([os.path.realpath(f'/proc/self/fd/{each}') for each in os.listdir('/proc/self/fd')])"
    argv = [sys.executable, "-m", "tests.support.awake", sys.executable, "-c", files]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (QUALITY in done.stdout) is os.access(QUALITY, os.W_OK)
    assert ("may sleep" in done.stderr) is not os.access(QUALITY, os.W_OK)
