"""Commands as people type them in the shell of a lab, with its kubectl, helm and exalb."""

import os
import subprocess
import sys
from pathlib import Path

from tests.lab.cluster import Lab


def shell(lab: Lab, script: str, folder: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script as in the lab's shell, with standard input."""
    path = f"{lab.layout.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    argv, environment = ["bash", "-c", script], {**os.environ, "PATH": path}
    return subprocess.run(
        argv, cwd=folder, env=environment, input=given, capture_output=True, text=True, timeout=300, check=False
    )


def must(lab: Lab, script: str, folder: Path) -> str:
    """Run a script that must succeed; return what it printed."""
    done = shell(lab, script, folder)
    assert done.returncode == 0, f"{script}: {done.stdout}{done.stderr}"
    return done.stdout
