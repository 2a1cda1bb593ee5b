"""Flags, environment and help of the programs, and the messages about mistakes in them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("EXALB_")}


def exalb(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [sys.executable, "-m", "exalb", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**CLEAN, **environment},
    )


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("1", True), ("0", False)])
def test_switch_is_read_from_the_environment(text: str, value: bool) -> None:
    """The chart sets it to true or false."""
    done = exalb("controller", "--listen=x", EXALB_REQUIRE_CLASS=text)
    assert "--require-class" not in done.stderr
    started = exalb("controller", "--kubeconfig=/nonexistent/kubeconfig", EXALB_REQUIRE_CLASS=text)
    [starting] = [entry for entry in map(json.loads, started.stderr.splitlines()) if entry["event"] == "starting"]
    assert starting["require_class"] is value


def test_command_names_each_mistake_and_its_place() -> None:
    done = exalb("speaker", "--listen", "nowhere", EXALB_LOG_LEVEL="loud")
    assert done.returncode == 2
    assert "exalb speaker: --listen (or EXALB_LISTEN): 'nowhere' is not host:port" in done.stderr
    assert "exalb speaker: --log-level (or EXALB_LOG_LEVEL):" in done.stderr
    assert "exalb speaker: --node-name (or EXALB_NODE_NAME):" in done.stderr


def test_flag_takes_precedence_over_the_environment() -> None:
    done = exalb("controller", "--listen=wrong", EXALB_LISTEN=":1")
    assert "'wrong' is not host:port" in done.stderr


@pytest.mark.parametrize("command", ["controller", "speaker", "bgp", "plan", "status", "explain"])
def test_every_command_has_help_for_its_options(command: str) -> None:
    done = exalb(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: exalb {command}")
    assert "--" in done.stdout


def test_help_names_every_command() -> None:
    text = exalb("--help").stdout
    assert text == exalb("-h").stdout
    assert all(f"\n  {command} " in text for command in ("plan", "status", "explain", "controller", "speaker", "bgp"))
    assert exalb().returncode == 2
    unknown = exalb("contoller")
    assert (unknown.returncode, "'contoller'" in unknown.stderr) == (2, True)


def test_unusable_kubeconfig_is_one_sentence() -> None:
    done = exalb("controller", "--kubeconfig=/nonexistent/kubeconfig", "--log-format=console")
    assert done.returncode == 1
    assert "cannot use the kubeconfig /nonexistent/kubeconfig" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("subject", ["service", "service/", "web", "address/banana", "pod/web", ""])
def test_unknown_subject_of_explain_is_one_sentence(subject: str) -> None:
    done = exalb("explain", subject, "--kubeconfig=/nonexistent/kubeconfig")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "kubeconfig" not in done.stderr


def test_short_options_are_written_as_for_kubectl() -> None:
    for arguments in (["-o=json"], ["-ojson"], ["-o", "json"]):
        done = exalb("status", *arguments, "--kubeconfig=/nonexistent/kubeconfig")
        assert "cannot use the kubeconfig" in done.stderr, arguments


def test_help_imports_no_program() -> None:
    """Help of the command and of a plan is quick, since it imports neither models nor clients."""
    program = (
        "import sys; from exalb.__main__ import run; run('exalb', sys.argv[1:]);"
        "sys.exit(any(name in sys.modules for name in ('pydantic', 'aiohttp', 'kopf', 'rich', 'yaml')))"
    )
    for arguments in (["--help"], ["plan", "--help"], ["explain", "--help"], ["--version"]):
        done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=False)
        assert done.returncode == 0, arguments


def test_kubeconfig_without_the_package_is_one_sentence() -> None:
    """In the image the package kubernetes is left out."""
    program = "import sys; sys.modules['kubernetes'] = None; from exalb.__main__ import main; main()"
    command = [sys.executable, "-c", program, "controller", "--kubeconfig=/tmp/config", "--log-format=console"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "cannot read a kubeconfig" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "candidates", "directive"),
    [
        (["ex"], ["explain"], ":4"),
        (["explain", "pe"], ["peer/"], ":6"),
        (["explain", "peer", "no"], [], ":4"),
        (["drain", "--und"], ["--undo"], ":4"),
        (["status", "-o", "j"], ["json"], ":4"),
    ],
)
def test_kubectl_completes_words(words: list[str], candidates: list[str], directive: str) -> None:
    """As kubectl asks a plugin: the last line tells the shell whether a space or file names follow."""
    program = Path(sys.executable).with_name("kubectl_complete-exalb")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=True)
    *lines, last = done.stdout.splitlines()
    assert ([line.partition("\t")[0] for line in lines], last) == (candidates, directive)
