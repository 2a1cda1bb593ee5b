"""No process of ExaLB writes a core file, and those with passwords or tokens show their memory to root alone."""

import contextlib
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab import wait
from tests.support.processes import descendants

PROGRAMS = {
    "controller": ["--kubeconfig={}/config", "--listen=127.0.0.1:0"],
    "speaker": ["--kubeconfig={}/config", "--listen=127.0.0.1:0", "--node-name=n1", "--directory={}/run"],
    "bgp": ["--directory={}/run"],
    "bfd": ["--directory={}/run"],
    "l2": ["--directory={}/run"],
}
CHILDREN = {"controller": 0, "speaker": 0, "bgp": 2, "bfd": 1, "l2": 0}
"""The processes that each one starts: ExaBGP and its helper, and the process with the BFD sessions."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Return a directory for the programs, with a kubeconfig whose API server accepts connections and says nothing."""
    (tmp_path / "run").mkdir(mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = {"server": f"https://127.0.0.1:{silent.getsockname()[1]}"}
        config = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": "t"}}],
        }
        (tmp_path / "config").write_text(yaml.safe_dump(config))
        yield tmp_path


ALLOWED = ["sh", "-c", 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', "sh"]
"""The beginning of a command whose program may write core files, as far as this process may: some runtimes allow it."""


def core_limit(pid: int) -> list[str]:
    """Return the soft and the hard limit of a process."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith("Max core file size")).split()[4:6]


@pytest.mark.parametrize("program", PROGRAMS)
def test_process_writes_no_core_file(place: Path, program: str) -> None:
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("no process may write a core file here")
    command = [*ALLOWED, sys.executable, "-m", "exalb", program, *(text.format(place) for text in PROGRAMS[program])]
    process = subprocess.Popen(command)
    try:

        def limited() -> bool:
            assert process.poll() is None
            every = [process.pid, *descendants(process.pid)]
            try:
                found = [core_limit(pid) for pid in every]
            except FileNotFoundError:  # one of them has ended meanwhile
                return False
            assert len(found) > CHILDREN[program], found
            return found == [["0", "0"]] * len(found)

        wait.until(f"{program} and its children write no core file", limited, seconds=30)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


ASKS = """
import ctypes
from exalb.programs.lifecycle import serve
from exalb.programs.settings import ControllerSettings
serve(lambda settings: print(ctypes.CDLL(None).prctl(3)), ControllerSettings())
"""
"""Prints PR_GET_DUMPABLE, in place of a program's work."""


def test_program_shows_its_memory_to_root_alone() -> None:
    """Tokens and passwords are in it, and images of others run as the same user."""
    shown = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.splitlines()[-1] == "0", shown
