"""The BFD sessions of a node, and the BGP sessions that end or wait because of them."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest

from exalb.announcement.bfd import bfd_peers, failures, has_strict, why_down, without_waiting
from exalb.announcement.drain import DrainStep
from exalb.announcement.planner import NodeDrain, NodePlan
from exalb.api.reasons import Reason
from exalb.api.speaker import DrainCause, DrainState
from exalb.kube.manifests import snapshot_of
from exalb.validation.rules import validate
from exalb_bfd.packet import EXPIRED, NEIGHBOR_DOWN, State
from exalb_bfd.peers import BfdSession, BfdStatus, Peer
from tests.support import objects
from tests.support.decisions import plan_of

UP, DOWN = BfdSession(State.UP, remote_state=State.UP), BfdSession(State.DOWN, diagnostic=EXPIRED)
DISABLED = BfdSession(State.DOWN, remote_state=State.ADMIN_DOWN)


def planned(**spec: Any) -> NodePlan:
    cluster, _ = snapshot_of([objects.node("n1", "10.0.0.1"), objects.peer("tor", **spec)], "exalb-system")
    return plan_of("n1", cluster)


def test_peer_without_bfd_has_no_session() -> None:
    assert bfd_peers(planned()) == {}


def test_peer_gives_address_and_times() -> None:
    plan = planned(
        peerAddress="203.0.113.1", sourceAddress="10.0.0.1", bfd={"transmitInterval": 400, "detectMultiplier": 4}
    )
    assert bfd_peers(plan) == {"tor": Peer(ip_address("203.0.113.1"), 400, 300, 4, ip_address("10.0.0.1"))}


SLOW, QUICK = {"detectMultiplier": 5}, {"transmitInterval": 100, "receiveInterval": 100}


def _peers_on(node: str, *peers: objects.Object) -> dict[str, tuple[int, int]]:
    """Return the interval and the multiplier of each BFD session of a node, by its peer."""
    nodes = [objects.node("n1", "10.0.0.1", rack="1"), objects.node("n2", "10.0.0.2", rack="2")]
    cluster, _ = snapshot_of([*nodes, *peers], "exalb-system")
    found = bfd_peers(plan_of(node, cluster))
    return {name: (peer.transmit_interval, peer.multiplier) for name, peer in found.items()}


def test_two_nodes_may_have_different_times_with_one_router() -> None:
    peers = [
        objects.peer(name, bfd=bfd, nodeSelectors=[{"matchLabels": {"rack": rack}}])
        for name, bfd, rack in (("a", SLOW, "1"), ("b", QUICK, "2"))
    ]
    assert (_peers_on("n1", *peers), _peers_on("n2", *peers)) == ({"a": (300, 5)}, {"b": (100, 3)})


@pytest.mark.parametrize("source", ["peerAddress", "peerAddressFrom"])
@pytest.mark.parametrize("own", [SLOW, QUICK, None], ids=["the-same-times", "other-times", "without-bfd"])
def test_of_two_peers_with_one_router_the_times_of_the_older_count(source: str, own: Any) -> None:
    """A node has one session with a router; the later peer says whose times count, where its own differ."""
    by_node = {"peerAddress": None, "peerAddressFrom": {"nodeAnnotation": "example.com/router"}}
    at = by_node if source == "peerAddressFrom" else {"peerAddress": "203.0.113.1"}
    node = objects.node("n1", "10.0.0.1", annotations={"example.com/router": "203.0.113.1"})
    later = objects.peer("b", day=2, bfd=own, **at)
    cluster, _ = snapshot_of([node, objects.peer("a", day=1, bfd=SLOW), later], "exalb-system")
    assert [peer.multiplier for peer in bfd_peers(plan_of("n1", cluster)).values()] == [5]
    [finding] = validate(cluster).invalid
    assert (finding.name, finding.reason) == ("b", Reason.PEER_ADDRESS_TAKEN)
    assert ("spec.bfd of a counts" in finding.message) == (own is QUICK)


@pytest.mark.parametrize("cause", DrainCause)
@pytest.mark.parametrize("state", DrainState)
def test_node_that_goes_away_disables_bfd_once_withdrawn(cause: DrainCause, state: DrainState) -> None:
    drain = NodeDrain(DrainStep(state, cause, datetime(2026, 1, 1, tzinfo=UTC)), forced=False, lacking={})
    peers = bfd_peers(replace(planned(bfd={}), drain=drain))
    assert peers["tor"].disabled == (cause is DrainCause.NODE_SHUTDOWN and state is DrainState.WITHDRAWN)


def test_node_that_is_back_and_does_not_forward_yet_has_bfd() -> None:
    """A strict BGP session that opened without BFD would close as soon as BFD is there."""
    step = DrainStep(DrainState.WITHDRAWN, DrainCause.NODE_SHUTDOWN, datetime(2026, 1, 1, tzinfo=UTC))
    drain = NodeDrain(step, forced=False, lacking={}, undone=True)
    assert not bfd_peers(replace(planned(bfd={}), drain=drain))["tor"].disabled


@pytest.mark.parametrize(
    ("strict", "session", "runs"),
    [(False, DOWN, True), (True, UP, True), (True, DOWN, False), (True, None, False), (True, DISABLED, True)],
)
def test_strict_session_waits_for_bfd(strict: bool, session: BfdSession | None, runs: bool) -> None:
    plan = planned(bfd={"strict": strict})
    status = BfdStatus(True, {"tor": session} if session else {})
    assert has_strict(plan) is strict
    assert list(without_waiting(plan, status).speaker.sessions) == (["tor"] if runs else [])
    assert list(without_waiting(plan, status).sessions) == ["tor"]


@pytest.mark.parametrize(
    ("before", "after", "fails"),
    [(UP, DOWN, True), (UP, UP, False), (UP, DISABLED, False), (DOWN, DOWN, False), (None, DOWN, False)],
)
def test_only_a_session_that_was_up_fails(before: BfdSession | None, after: BfdSession, fails: bool) -> None:
    failed = failures(BfdStatus(True, {"tor": before} if before else {}), BfdStatus(True, {"tor": after}))
    assert list(failed) == (["tor"] if fails else [])


def test_reason_is_that_of_the_end_that_noticed() -> None:
    theirs = BfdSession(diagnostic=NEIGHBOR_DOWN, remote_state=State.DOWN, remote_diagnostic=EXPIRED)
    assert "router says control detection time expired" in why_down(theirs)
    assert "router" not in why_down(DOWN)
