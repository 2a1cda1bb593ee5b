"""A node that comes back in steps: FRR receives each of them, and at no time is the node's route missing."""

import re

import pytest

from exalb.api.speaker import DrainState
from exalb_bgp.speaker import Speaker
from tests.chaos.routers.drained import DrainedNode, WalkWorld
from tests.chaos.routers.moves import DrainMove
from tests.lab.routers.frr import Frr
from tests.lab.wait import until
from tests.support.routers.world import LOCAL_ASN, Peer, table

PEER = "frr-ipv4"
COUNT = 12
"""Prefixes; the node holds a third of them through a drain."""
UPDATE = re.compile(r"rcvd UPDATE w/ attr: (.*)")


@pytest.fixture
def peer(world: WalkWorld) -> Peer:
    """Return a session with FRR, whose log has each UPDATE."""
    peer = world.peers[PEER]
    assert isinstance(peer.router, Frr)
    peer.router.vtysh("debug bgp updates in")
    return peer


def received(router: Frr) -> list[tuple[bool, int]]:
    """Return the UPDATEs of FRR's log: whether they have GRACEFUL_SHUTDOWN, and how often the node's AS number."""
    log = (router.directory / "bgpd.log").read_text()
    return [
        ("graceful-shutdown" in text or "65535:0" in text, text.count(f" {LOCAL_ASN}")) for text in UPDATE.findall(log)
    ]


def test_frr_receives_each_step(world: WalkWorld, peer: Peer) -> None:
    """GRACEFUL_SHUTDOWN, then the AS number three times, twice and once."""
    assert isinstance(peer.router, Frr)
    rib = table(COUNT)
    node, goal = DrainedNode(world), Speaker(dict(world.sessions), dict.fromkeys(world.sessions, rib))
    node.apply(goal)
    until("FRR has the routes", lambda: world.received(peer).keys() == rib.keys())
    node.drain(DrainMove.DRAIN)
    node.apply(goal)
    until("the node is drained", lambda: world.engine.drain is DrainState.WITHDRAWN)
    until("FRR has only what the node holds", lambda: 0 < len(world.received(peer)) < COUNT)
    seen = len(received(peer.router))
    node.drain(DrainMove.UNDO)
    node.apply(goal)
    until("the return is over", lambda: world.engine.drain is None)
    world.engine.settle()
    until("FRR has the plain routes", lambda: {len(r.as_path) for r in world.received(peer).values()} == {1})
    steps = list(dict.fromkeys(received(peer.router)[seen:]))
    assert steps == [(True, 1), (False, 3), (False, 2), (False, 1)]
    assert world.received(peer).keys() == rib.keys()
