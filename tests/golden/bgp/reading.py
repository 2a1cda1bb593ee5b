"""Reading configurations and commands with ExaBGP's own parser, in a process of its own: ExaBGP keeps global state."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

READER = Path(__file__).with_name("exabgp_reader.py")


def parse(configurations: Sequence[str], commands: Sequence[str]) -> dict[str, Any]:
    """Return what ExaBGP understands: by text, the neighbors of a configuration and the routes of a command.

    What it does not take has a string instead: its complaint.
    """
    told = subprocess.run(
        [sys.executable, str(READER)],
        input=json.dumps([list(configurations), list(commands)]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    understood: dict[str, Any] = json.loads(told.stdout)
    return understood
