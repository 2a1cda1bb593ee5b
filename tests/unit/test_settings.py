"""Flags, environment and defaults of the programs, and what is said about mistakes in them."""

import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from exalb.settings import ControllerSettings, EngineSettings, SpeakerSettings, read

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


def test_flags_are_read() -> None:
    arguments = ["--node-name", "n1", "--require-class", "--listen", "[::1]:80", "--directory", "/run/x"]
    settings = read(SpeakerSettings, "exalb speaker", arguments)
    assert isinstance(settings, SpeakerSettings)
    assert (settings.node_name, settings.require_class, settings.listen) == ("n1", True, "[::1]:80")
    assert (settings.directory, settings.namespace, settings.log_format) == ("/run/x", "exalb-system", "json")


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        (SpeakerSettings, ["--node-name="], "node_name"),
        (SpeakerSettings, ["--node-name=n1", "--directory=relative"], "absolute path"),
        (EngineSettings, ["--directory=/run/a b"], "without spaces"),
        (ControllerSettings, ["--listen=9179"], "host:port"),
        (ControllerSettings, ["--log-level=loud"], "'debug', 'info'"),
    ],
    ids=["no node", "relative directory", "directory with a space", "no host and port", "unknown level"],
)
def test_mistakes_are_told(kind: type[SpeakerSettings], arguments: list[str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        read(kind, "exalb", arguments)


def test_the_command_says_what_is_wrong_and_where() -> None:
    done = exalb("speaker", "--listen", "nowhere", EXALB_LOG_LEVEL="loud")
    assert done.returncode == 2
    assert "exalb speaker: --listen (or EXALB_LISTEN): 'nowhere' is not host:port" in done.stderr
    assert "exalb speaker: --log-level (or EXALB_LOG_LEVEL):" in done.stderr
    assert "exalb speaker: --node-name (or EXALB_NODE_NAME):" in done.stderr


def test_a_flag_wins_over_the_environment() -> None:
    done = exalb("controller", "--listen=wrong", EXALB_LISTEN=":1")
    assert "'wrong' is not host:port" in done.stderr


@pytest.mark.parametrize("command", ["controller", "speaker", "bgp", "plan"])
def test_every_command_has_help_that_names_its_options(command: str) -> None:
    done = exalb(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: exalb {command}")
    assert "--" in done.stdout


def test_help_names_every_command() -> None:
    text = exalb("--help").stdout
    assert all(f"\n  {command} " in text for command in ("plan", "controller", "speaker", "bgp"))
    assert exalb().returncode == 2
    unknown = exalb("contoller")
    assert (unknown.returncode, "'contoller'" in unknown.stderr) == (2, True)


def test_no_way_to_a_cluster_is_told_in_one_line() -> None:
    done = exalb("controller", "--kubeconfig=/nonexistent/kubeconfig", "--log-format=console")
    assert done.returncode == 1
    assert "cannot use the kubeconfig /nonexistent/kubeconfig" in done.stderr
    assert "Traceback" not in done.stderr
