"""`kubectl exalb web` on a real API server, with the rights of a reader alone."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.reader import EXALB, reader, wait_aggregated
from tests.lab import fabric, wait
from tests.support.documented import commands
from tests.support.kubernetes.world import World
from tests.support.looking import Page

__all__ = ["reader"]
URL = re.compile(r"http://127.0.0.1:(\d+)(/\S+/)")


@pytest.fixture
def page(reader: Path, world: World, tmp_path: Path) -> Iterator[Page]:  # noqa: ARG001 - an empty cluster
    wait_aggregated(reader)
    printed = tmp_path / "printed"
    with printed.open("w") as output:
        process = subprocess.Popen(
            [EXALB, "web", "--port=0", f"--kubeconfig={reader}"], stdout=output, env={"PATH": os.environ["PATH"]}
        )
    try:
        [(port, path)] = wait.until("the page has a URL", lambda: URL.findall(printed.read_text()))
        yield Page(int(port), path)
    finally:
        process.terminate()
        process.wait(20)


def test_change_of_the_cluster_arrives_at_the_page(page: Page, world: World) -> None:
    """The stream stays open; a Service that nobody serves shows its reason, and so does its explanation."""
    overviews = page.overviews()
    assert next(overviews)["services"] == []
    world.service("web")
    name = f"{world.namespace}/web"
    seen = next(row for found in overviews for row in found["services"] if row["name"] == name)
    assert (seen["good"], seen["reason"], seen["addresses"]) == (False, "NoMatchingPool", [])
    world.pool("main", "198.51.100.8/30")
    found = next(found for found in overviews if found["pools"])
    assert [(row["pool"], row["use"]) for row in found["pools"]] == [("main", "1 of 4")]
    answer = page.answer(f"service/{name}")
    assert answer["steps"][answer["firstBroken"]]["reason"] == "NoLeader"


@pytest.mark.parametrize("line", commands("docs/reference/*", "kubectl exalb web.*"))
def test_commands_of_the_pages_serve_it(world: World, line: str, tmp_path: Path) -> None:
    """As the administrator, in the network of the control plane, where the ports are free."""
    lab, printed = world.cluster, tmp_path / "printed"
    network = lab.layout.namespace(fabric.CONTROL_PLANE)
    path = f"{EXALB.parent}:{lab.programs}:{os.environ['PATH']}"
    with printed.open("w") as output:
        process = network.popen(line.split(), stdout=output, env={**lab.environment(), "PATH": path})
    try:
        [(port, where)] = wait.until("the page has a URL", lambda: URL.findall(printed.read_text()))
        assert port == (re.findall("--port (.+)", line) or ["7481"])[0]
        assert "<title>ExaLB</title>" in Page(int(port), where, network).ask()[1]
    finally:
        process.terminate()
        process.wait(20)


def test_page_is_read_only_and_for_its_own_browser(page: Page) -> None:
    status, text = page.ask()
    assert (status, "<title>ExaLB</title>" in text) == (200, True)
    assert page.ask("page.js")[0] == page.ask("page.css")[0] == 200
    assert page.ask(host="attacker.example")[0] == 403, "a name that a site rebound to this machine"
    assert Page(page.port, "/").ask()[0] == Page(page.port, "/guessed/").ask("events")[0] == 404
    assert {page.ask(verb=verb)[0] for verb in ("POST", "PUT", "PATCH", "DELETE")} == {405}
    assert page.ask("explain?subject=secret/x")[0] == 400
