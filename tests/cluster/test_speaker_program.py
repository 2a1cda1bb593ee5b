"""The speaker as a program of its own, on a real API server that is away for a while, and on a slow processor."""

import pytest
import yaml

from tests.lab import wait
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Program, Programs
from tests.support.kubernetes.world import OURS, World
from tests.support.throttled import throttled
from tests.support.tree import ROOT

__all__ = ["throttled"]
NODE = "lonely-node"
WATCHES = 8
"""Kinds that a speaker follows, at least."""


@pytest.fixture
def node(world: World) -> str:
    """Return a node, without a kubelet."""
    world.node(NODE, "10.0.0.1")
    return NODE


def wait_report(world: World, seconds: float = 60) -> None:
    wait.until("the speaker reported", lambda: world.api.find(f"{OURS}/bgpspeakers/{NODE}"), seconds=seconds)


def outage(program: Program, gate: Gate) -> list[str]:
    """Let the API server be away until each watch has tried several times; return the events that are no details."""
    before, refused = len(program.log_lines()), gate.refused

    def events() -> list[str]:
        return [event for level, event in program.log_lines()[before:] if level != "debug"]

    gate.shut()
    wait.until("it says so", lambda: "api_server_unreachable" in events())
    wait.until("each watch has tried", lambda: gate.refused - refused >= 4 * WATCHES, seconds=120)
    gate.open()
    wait.until("it is back", lambda: "api_server_reachable" in events(), seconds=60)
    return events()


def test_outage_of_the_api_server_is_two_lines_of_the_log(
    world: World, programs: Programs, gate: Gate, node: str
) -> None:
    program = programs.speaker("lonely", gate.url, world.namespace, node)
    wait_report(world)
    assert outage(program, gate) == ["api_server_unreachable", "api_server_reachable"]


@pytest.mark.release
def test_speaker_answers_its_probe_in_time_on_a_throttled_processor(
    world: World, programs: Programs, gate: Gate, node: str, throttled: list[str]
) -> None:
    """The kubelet restarts a container whose liveness probe failed so often: on a slow machine, again and again."""
    [daemon_set] = (
        entry
        for entry in yaml.safe_load_all((ROOT / "tests" / "golden" / "chart" / "default.yaml").read_text())
        if entry and entry["kind"] == "DaemonSet"
    )
    [container] = (each for each in daemon_set["spec"]["template"]["spec"]["containers"] if each["name"] == "speaker")
    probe = container["livenessProbe"]
    program = programs.speaker("slow", gate.url, world.namespace, node, inside=throttled)
    wait.until("it answers", program.is_alive, seconds=probe["periodSeconds"] * (probe["failureThreshold"] - 1))
    wait_report(world, seconds=180)
