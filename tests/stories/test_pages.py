"""The commands of the tutorial, run word for word in a lab."""

import os
import subprocess
import sys
from pathlib import Path

from tests.lab import demo
from tests.lab.cluster import Lab
from tests.support.documented import commands
from tests.support.documents import Page
from tests.support.tree import ROOT

TUTORIAL = Page(ROOT / "docs" / "tutorial.md")
COMMANDS = commands("docs/tutorial.md", "(kubectl|vtysh|curl|address=).+")


def bash(lab: Lab, script: str) -> str:
    """Run a script as in the lab's shell; return its output. A command that fails ends it."""
    path = f"{lab.layout.bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    argv = ["bash", "-euo", "pipefail", "-c", script]
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_tutorial_works_word_for_word(lab: Lab) -> None:
    """Each block runs in one shell with the blocks before it, since they share a variable."""
    metadata = {**demo.POOL["metadata"], "annotations": {"exalb.io/allow-deletion": "true"}}
    pool = {**demo.POOL, "metadata": metadata}
    pool["spec"] = {**demo.POOL["spec"], "serviceAllocation": {"namespaces": ["tutorial"]}}
    blocks = TUTORIAL.blocks("sh")
    assert len(blocks) == 7
    assert "\n".join(COMMANDS) == "".join(blocks).strip()
    variable = next(line for line in blocks[2].splitlines() if line.startswith("address="))
    try:
        lab.apply([pool, *demo.PEERS])
        outputs = [bash(lab, blocks[0]), bash(lab, blocks[1])]
        outputs += [bash(lab, f"{variable}\n{block}") for block in blocks[2:6]]
    finally:
        bash(lab, blocks[6])
        lab.delete([pool])
    assert "from pool demo" in outputs[1]
    assert all(str(node.addresses[0]) in outputs[2] for node in lab.nodes)
    assert "web-" in outputs[2]
    assert not any(f"via {node.addresses[0]}" in outputs[3] for node in lab.nodes)
    assert "web-" in outputs[4]
