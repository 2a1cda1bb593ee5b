"""Aggregates are announced while any member is. Packets to unused members loop, unless the node refuses them."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network

import pytest

from tests.lab.network import Namespace, connect
from tests.lab.node import Node
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, advertised, wait_rules
from tests.support.documented import commands
from tests.support.note import Note

LENGTH, LENGTH_6 = 28, 120
TRY = "import socket, sys; socket.create_connection((sys.argv[1], 80), timeout=60); print('connected')"
RULES = commands("docs/aggregates.md", "ip .+")
COUNTER = """
table ip watched {{
  counter seen {{ }}
  chain in {{ type filter hook prerouting priority 0; iifname "eth0" ip daddr {0} counter name "seen"; }}
  chain out {{ type filter hook postrouting priority 0; oifname "eth0" ip daddr {0} counter name "seen"; }}
}}
"""
"""Counts in a router's kernel the packets to one address that pass the fabric in either direction."""


@pytest.fixture
def client(story: Story) -> Iterator[Namespace]:
    """Return a host behind the story's router, through which the nodes reach the addresses of this story."""
    host, network = Namespace.create(story.lab.name, f"c{story.number}"), IPv4Network(f"192.168.{story.number}.0/24")
    connect(host, "eth0", story.network, "eth1")
    host.address("eth0", IPv4Interface((network[2], 24)))
    story.network.address("eth1", IPv4Interface((network[1], 24)))
    host.route(ip_network("0.0.0.0/0"), network[1])
    ways = [f"{prefix} via {story.gateway}" for prefix in (network, story.pool4)]
    for node in story.lab.nodes:
        _ip(node, *(f"route add {way}" for way in ways))
    yield host
    for node in story.lab.nodes:
        _ip(node, *(f"route del {way}" for way in ways))
    host.delete()


def test_aggregate_is_announced_while_any_member_is(story: Story) -> None:
    """Two Services in one /28 and one /120: the aggregates come with the first and go with the last."""
    story.deploy("web")
    nodes = [frozenset(node.addresses[family] for node in story.lab.nodes) for family in (0, 1)]
    with advertised(story, aggregationLength=LENGTH, aggregationLengthV6=LENGTH_6):
        for name in ("one", "two"):
            both = story.service(name, ipFamilyPolicy="RequireDualStack", selector={"app": "web"})
            story.lab.apply(both)
        texts = [text for name in ("one", "two") for text in story.wait_addresses(name, 2, TIMEOUT)]
        hosts = {ip_network(text): nodes[":" in text] for text in texts}
        wide = {
            host.supernet(new_prefix=LENGTH if host.version == 4 else LENGTH_6): senders
            for host, senders in hosts.items()
        }
        assert len(wide) == 2
        story.wait_routes(wide, TIMEOUT)
        story.kubectl("delete", "service", "one")
        story.wait_routes(wide, TIMEOUT)
        with advertised(story, name="hosts"):
            left = {ip_network(text): nodes[":" in text] for text in story.addresses("two")}
            story.wait_routes({**wide, **left}, TIMEOUT)
        story.wait_routes(wide, TIMEOUT)
        story.kubectl("delete", "service", "two")
        story.wait_routes({}, TIMEOUT)


def test_unused_member_loops_unless_node_refuses_it(story: Story, client: Namespace, note: Note) -> None:
    """By default a node sends such a packet back to its router; with the rules of the docs it refuses it at once."""
    story.deploy("web")
    with advertised(story, aggregationLength=LENGTH):
        story.lab.apply(story.service("web"))
        [used] = map(IPv4Address, story.wait_addresses("web", seconds=TIMEOUT))
        wide = ip_network(f"{used}/{LENGTH}", strict=False)
        story.wait("the router forwards to it", lambda: wide in story.router.kernel_routes(), TIMEOUT)
        wait_rules(story, used)
        unused = used + 5
        assert _try(client, used) == "connected"
        said, packets = _watched(story, client, unused)
        note("packets between router and node for one to an unused address, left alone", packets)
        assert packets > 50
        assert "No route to host" in said
        with _refused(story, wide):
            said, packets = _watched(story, client, unused)
            note("the same, with rules on the nodes", packets)
            assert packets == 1
            assert "No route to host" in said
            assert _try(client, used) == "connected"
            for node in story.lab.nodes:
                assert node.run([sys.executable, "-c", TRY, str(used)]).stdout.strip() == "connected"


def _try(host: Namespace, address: IPv4Address) -> str:
    """Connect once; return `connected`, or the error."""
    done = host.run([sys.executable, "-c", TRY, str(address)], check=False)
    return (done.stdout or done.stderr.strip().splitlines()[-1]).strip()


def _watched(story: Story, client: Namespace, address: IPv4Address) -> tuple[str, int]:
    """Connect once; return the result, and how many packets passed between the router and the nodes."""
    story.network.run(["nft", "--file", "-"], input=COUNTER.format(address), stdin=None)
    said = _try(client, address)
    counters = json.loads(story.network.run(["nft", "--json", "list", "counter", "ip", "watched", "seen"]).stdout)
    story.network.run(["nft", "delete", "table", "ip", "watched"])
    [packets] = (entry["counter"]["packets"] for entry in counters["nftables"] if "counter" in entry)
    return said, packets


@contextmanager
def _refused(story: Story, wide: object) -> Iterator[None]:
    """Let the nodes refuse packets for unused addresses, as in the docs; their own packets pass as before."""
    rules = [line.removeprefix("ip ").replace("198.51.100.0/24", str(wide)) for line in RULES]
    for node in story.lab.nodes:
        _ip(node, *rules)
    try:
        yield
    finally:
        for node in story.lab.nodes:
            _ip(node, *(rule.replace(" add ", " del ") for rule in rules))


def _ip(node: Node, *commands: str) -> None:
    node.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", stdin=None)
