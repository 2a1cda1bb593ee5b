"""Commands as people type them in the shell of a lab, with its kubectl, helm and exalb."""

import os
import subprocess
import sys
from pathlib import Path

from tests.lab.cluster import Lab


def shell(lab: Lab, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script as in the lab's shell."""
    path = f"{lab.layout.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    argv, environment = ["bash", "-c", script], {**os.environ, "PATH": path}
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
