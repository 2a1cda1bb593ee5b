"""Unit tests are quick because they start no process."""

import os
import subprocess
import sys

import pytest


def test_process_is_refused() -> None:
    with pytest.raises(RuntimeError, match="starts a process"):
        subprocess.run([sys.executable, "-c", ""], check=True)
    with pytest.raises(RuntimeError, match="starts a process"):
        os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})
