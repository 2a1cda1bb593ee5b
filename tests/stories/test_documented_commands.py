"""Commands of the pages about pods, nodes and the router, run where the pages say, with a Service that has traffic."""

import re
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from tests.lab import fabric, wait
from tests.lab.node import Node
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, wait_rules
from tests.support.documented import commands, the_command
from tests.support.kubernetes.shell import must
from tests.support.looking import Page

LOGS = commands("*", "kubectl -n exalb-system logs .+")
LOGS_OF_SERVICE = commands("docs/reference/*", "kubectl exalb logs .+")
FORWARD = the_command("charts/exalb/README.md", "kubectl port-forward .+")
DUAL_STACK_ON_ROUTER = commands("docs/dual-stack.md", "show .+")
ON_ROUTER = commands("docs/no-traffic.md", "show .+")
ON_NODE = commands("docs/no-traffic.md", r"(timeout|\(iptables-save;|conntrack|ip|sysctl|nstat) .+")
EXAMPLE = r"198\.51\.100\.10\b"
"""The Service's address on the pages."""


@pytest.fixture
def address(story: Story) -> Iterator[IPv4Address]:
    """Return the IPv4 address of the dual-stack Service `web`, which every node announces and serves."""
    story.deploy("web")
    story.lab.apply(story.service("web", ipFamilyPolicy="RequireDualStack"))
    [text] = [text for text in story.wait_addresses("web", 2, TIMEOUT) if ":" not in text]
    address = IPv4Address(text)
    wait_rules(story, address)
    story.wait_sessions()
    yield address
    story.kubectl("delete", "service", "web")


def _ask(story: Story, address: IPv4Address) -> str:
    return story.network.run(["curl", "--silent", "--show-error", "--max-time", "5", f"http://{address}/"]).stdout


def test_logs_have_the_decisions_about_a_service(story: Story, address: IPv4Address, tmp_path: Path) -> None:
    pods = must(story.lab, "kubectl -n exalb-system get pods -l app.kubernetes.io/component=speaker -o name", tmp_path)
    texts = {line: must(story.lab, line.replace("POD", pods.split()[0]), tmp_path) for line in set(LOGS)}
    assert len(texts) == 3
    assert all('"event"' in text for text in texts.values()), texts
    for line in LOGS_OF_SERVICE:
        home = line.replace(" -n shop", "")
        shown = must(story.lab, f"{home} -n {story.name}", tmp_path)
        assert re.search(rf"address_assigned .*{address}\b", shown), shown
        assert "route_announced" in shown


def test_forwarded_port_leads_to_the_page(story: Story, tmp_path: Path) -> None:
    """While the command runs, as the chart's page says; the port is one of the control plane's network."""
    words = ["bash", "-c", f'PATH="{story.lab.layout.bin}:$PATH"; exec {FORWARD}']
    page, printed = Page(7481, namespace=story.lab.layout.namespace(fabric.CONTROL_PLANE)), tmp_path / "printed"
    with printed.open("w") as output, subprocess.Popen(words, stdout=output, stderr=output) as process:
        try:
            wait.until("kubectl forwards", lambda: f"127.0.0.1:{page.port} ->" in printed.read_text(), seconds=60)
            status, text = page.ask()
        finally:
            process.terminate()
    assert (status, "<title>ExaLB</title>" in text) == (200, True)


def test_router_shows_the_routes(story: Story, address: IPv4Address) -> None:
    """By the commands of two pages, typed into the shell of FRR."""
    nodes = [[str(node.addresses[family]) for node in story.lab.nodes] for family in (0, 1)]
    for line in ON_ROUTER:
        shown = story.router.vtysh(re.sub(EXAMPLE, str(address), line))
        assert all(node in shown for node in nodes[0]), f"{line}: {shown}"
    for line, family in zip(DUAL_STACK_ON_ROUTER, nodes, strict=True):
        shown = story.router.vtysh(line)
        assert all(node in shown for node in family), f"{line}: {shown}"


def test_node_shows_the_way_of_a_packet(story: Story, address: IPv4Address) -> None:
    """By the commands of the page, on every node while somebody asks, and then on the one that got the packets."""
    capture, *rest = (re.sub(EXAMPLE, str(address), line) for line in ON_NODE)
    node = _seeing(story, capture, address)
    client = str(story.gateway)
    words = {"iptables": str(address), "conntrack": client, "ip": client, "sysctl": " = ", "nstat": "PathFilter"}
    for line in rest:
        shown = node.run(["bash", "-c", line.replace("192.0.2.7", client)]).stdout
        assert words[re.findall(r"\w+", line)[0]] in shown, f"{line}: {shown}"


def _seeing(story: Story, capture: str, address: IPv4Address) -> Node:
    """Ask again and again; return the node where the command has captured its packets."""

    def seen() -> list[tuple[str, str]]:
        captures = {
            node.name: subprocess.Popen(node.argv(["bash", "-c", f"exec {capture}"]), stdout=subprocess.PIPE, text=True)
            for node in story.lab.nodes
        }
        while all(process.poll() is None for process in captures.values()):
            assert "web-" in _ask(story, address)
        shown = {name: process.communicate()[0] for name, process in captures.items()}
        return [(name, text) for name, text in shown.items() if captures[name].returncode == 0]

    # The command itself ends after 10 s: on a busy machine the first one may begin too late.
    [(name, text), *_] = wait.until("packets are captured", seen, seconds=60)
    assert text.count(f"{address}") >= 3, text
    return story.lab.node(name)
