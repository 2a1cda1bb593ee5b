"""The command of docs/how-to/gitops.md that checks manifests in CI, as a shell runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.documented import the_command
from tests.support.objects import Object, advertisement, peer, pool

COMMAND = the_command("docs/how-to/gitops.md", "exalb plan .+")
MAIN = pool("main", "198.51.100.0/24")


@pytest.mark.parametrize(
    ("manifests", "code", "reasons"),
    [
        ([MAIN, peer("tor"), advertisement("all", ipAddressPools=["main"])], 0, []),
        ([MAIN, advertisement("all", ipAddressPools=["mian"])], 1, ["UnknownPool"]),
        ([MAIN, peer("tor", holdTime="1s")], 1, ["InvalidSpec"]),
        ([], 2, None),
    ],
    ids=["good", "unknown-pool", "invalid", "empty"],
)
def test_manifests_are_judged(tmp_path: Path, manifests: list[Object], code: int, reasons: list[str] | None) -> None:
    (tmp_path / "manifests.yaml").write_text(yaml.safe_dump_all(manifests))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", COMMAND], cwd=tmp_path, env=environment, check=False, capture_output=True)
    assert done.returncode == code, done.stderr
    assert not done.stdout if reasons is None else found(done.stdout) == reasons


def found(output: bytes) -> list[str]:
    """Return the reasons of the mistakes."""
    return [entry["reason"] for entry in json.loads(output)["invalid"]]
