"""`exalb plan` reads its standard input."""

import json
import subprocess
import sys

import yaml

from tests.support.objects import pool, service

WEB, MAIN = service(), pool("main", "198.51.100.0/24")


def run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the program itself."""
    command = [sys.executable, "-m", "exalb", "plan", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=False, timeout=60)


def test_standard_input() -> None:
    done = run("-f", "-", "-o", "json", given=yaml.safe_dump_all([MAIN, WEB]).encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["services"][0]["addresses"] == ["198.51.100.0"]


def test_standard_input_that_is_no_text() -> None:
    done = run("-f", "-", given=b"\xff\xfe\x00")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"exalb plan: standard input: cannot be read")
