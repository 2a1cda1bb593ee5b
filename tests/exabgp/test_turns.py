"""The turns of ExaBGP's loop: what a command changes is sent in the turn that reads it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.tree import ROOT


def test_commands_are_executed_before_peers_have_their_turn(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "tests.exabgp.turns", str(tmp_path / "exabgp.conf")]
    done = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    nothing, first, second, of_a_peer = json.loads(done.stdout.splitlines()[-1])
    assert nothing == []
    assert first == ["announce"]
    assert second == ["announce", "withdraw"]
    assert of_a_peer == second
