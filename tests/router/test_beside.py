"""A BIRD on the node, as Calico runs one: it holds port 179 and has a session of its own with the router of ExaLB.

A router has one session for each address of a node. What it does with a second connection depends on the session that
it has: with graceful restart the new one replaces it (RFC 4724, section 5), else it is refused (RFC 4271, section 6.8).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, ip_network

import pytest

from exalb.api.reasons import Reason
from exalb.explain.status import status
from exalb_bgp.session import KEPT_ENDS, State
from tests.lab.routers.bird import Bird
from tests.lab.routers.router import Neighbor
from tests.lab.wait import until
from tests.router.one_node import NEIGHBOR, NODE, ROUTER, Rack, built, rack
from tests.support.session_faults import PAGE, SEEN
from tests.support.surfaces import surfaces

__all__ = ["built", "rack"]

OTHER = IPv4Address("203.0.113.12")
"""The node's second address."""
PODS, WEB = ip_network("10.88.1.0/26"), ip_network("198.51.100.1/32")
COLLISION = "Connection collision resolution"
SECONDS = 60


class NodeBird(Bird):
    """A BIRD that announces the pods of its node, and tries again as often as Calico's."""

    graceful_restart = True

    def _write(self, neighbors: tuple[Neighbor, ...]) -> None:
        assert not neighbors
        lines = [
            f'log "{self.directory}/bird.log" all;',
            f"router id {self.router_id};",
            "protocol device {}",
            f"protocol static pods {{ ipv4; route {PODS} blackhole; }}",
            f"protocol bgp n_{str(ROUTER).replace('.', '_')} {{",
            f"  local {NODE} as {self.asn}; neighbor {ROUTER} as 64513; debug {{ states }};",
            "  connect delay time 2; connect retry time 5; error wait time 5, 30;",
            f"  graceful restart {'on' if self.graceful_restart else 'off'};",
            "  ipv4 { import all; export all; };",
            "}",
        ]
        (self.directory / "bird.conf").write_text("\n".join([*lines, ""]))


@pytest.fixture
def start_bird(rack: Rack) -> Iterator[Callable[[bool], NodeBird]]:
    """Return what starts the BIRD, with graceful restart or without, and waits for its session and its route."""
    bird = NodeBird(rack.node, 64512, NODE)

    def start(graceful_restart: bool) -> NodeBird:
        bird.graceful_restart = graceful_restart
        bird.start()
        until("the router has the route of the BIRD", partial(has, rack, PODS, NODE), seconds=SECONDS)
        assert bird.peerings()[ROUTER].established
        assert rack.node.run(["ss", "-Hltn", "sport = :179"]).stdout, "nothing listens on port 179"
        return bird

    try:
        yield start
    finally:
        bird.stop()


def has(rack: Rack, prefix: object, sender: IPv4Address) -> bool:
    """Whether the router has the prefix from this address of the node."""
    return any(found == prefix and sender in senders for found, senders in rack.router.prefixes().items())


def says(rack: Rack, error: str) -> bool:
    """Whether the answer about the peer has the error, and names another BGP speaker of the node as a cause."""
    first = rack.answer("peer/tor").first_broken
    assert first, rack.engine.session("tor")
    assert error in first.message, first
    assert "another BGP speaker" in first.next, first
    return True


def test_second_session_from_the_address_is_refused(rack: Rack, start_bird: Callable[[bool], NodeBird]) -> None:
    rack.router.configure(replace(NEIGHBOR, hold_time=9))
    bird = start_bird(False)
    rack.wants()
    until("explain names the cause", partial(says, rack, "connection collision resolution"), seconds=SECONDS)
    assert bird.peerings()[ROUTER].connections == 1
    assert rack.router.prefixes().keys() == {PODS}


def test_second_session_replaces_one_with_graceful_restart(rack: Rack, start_bird: Callable[[bool], NodeBird]) -> None:
    """Each attempt of one speaker ends the session of the other; the BIRD's never comes back.

    At a good moment ours is Established, and its table is sent; `explain` and all others say then, too, what is wrong.
    """
    rack.router.configure(replace(NEIGHBOR, hold_time=9))
    bird = start_bird(True)
    rack.wants()
    until("the session was replaced", partial(was_closed, rack, times=2), seconds=SECONDS)
    until("explain names the cause", partial(says, rack, "connection was closed"), seconds=SECONDS, every=0.02)
    assert not has(rack, PODS, NODE)
    assert not bird.peerings()[ROUTER].established
    assert COLLISION in bird.birdc("show protocols")
    until("the session went down often", partial(was_closed, rack, times=KEPT_ENDS), seconds=SECONDS)
    for subject in ("service/shop/web", "peer/tor", "node/n1"):
        until(f"{subject} flaps", partial(flaps, rack, subject), seconds=SECONDS, every=0.02)
    found = status(rack.seen())
    assert Reason.SESSION_FLAPPING in {step.reason for step in found.problems}, found
    places = SEEN[Reason.SESSION_FLAPPING] | PAGE
    until("all places agree", partial(agree_at_a_good_moment, rack, places), seconds=SECONDS, every=0.02)


def flaps(rack: Rack, subject: str) -> bool:
    """Whether the answer has the finding first while the session is Established, with its cause and what to do."""
    first = rack.answer(subject).first_broken
    assert first, rack.engine.session("tor")
    assert first.reason is Reason.SESSION_FLAPPING, first
    assert "the last time: the TCP connection was closed" in first.message, first
    assert "another BGP speaker" in first.next, first
    return True


def agree_at_a_good_moment(rack: Rack, places: frozenset[str]) -> bool:
    """Whether conditions, event, metric and page have the finding while the session is Established."""
    seen, found = rack.seen(), rack.engine.status
    assert found.sessions["tor"].state is State.ESTABLISHED
    assert surfaces(seen, Reason.SESSION_FLAPPING.value, found) >= places
    return True


def test_own_session_without_graceful_restart_replaces_it_too(
    rack: Rack, start_bird: Callable[[bool], NodeBird]
) -> None:
    """It stays then, and the BIRD is refused."""
    rack.router.configure(replace(NEIGHBOR, hold_time=9))
    bird = start_bird(True)
    rack.wants(gracefulRestart={"enabled": False})
    until("the Service is announced", rack.well, seconds=SECONDS)
    until("the BIRD is refused", lambda: COLLISION in bird.birdc("show protocols"), seconds=SECONDS)
    assert rack.engine.session("tor").counts.closed == 0
    assert rack.router.prefixes().keys() == {WEB}


def was_closed(rack: Rack, times: int) -> bool:
    """Whether the session was Established and closed so often."""
    counts = rack.engine.session("tor").counts
    return min(counts.closed, counts.established) >= times


def test_sessions_from_two_addresses_stay(rack: Rack, start_bird: Callable[[bool], NodeBird]) -> None:
    """The router calls the second address too, where the BIRD holds the port."""
    rack.node.address("eth0", IPv4Interface(f"{OTHER}/24"))
    rack.undo = lambda: rack.node.ip(f"address del {OTHER}/24 dev eth0")
    rack.router.configure(replace(NEIGHBOR, hold_time=9), replace(NEIGHBOR, address=OTHER, passive=False))
    bird = start_bird(True)
    rack.wants(sourceAddress=str(OTHER))
    until("the Service is announced", rack.well, seconds=SECONDS)
    until("the router has its route", partial(has, rack, WEB, OTHER), seconds=SECONDS)
    assert has(rack, PODS, NODE)
    assert bird.peerings()[ROUTER].connections == 1
    assert {address: found.connections for address, found in rack.router.peerings().items()} == {NODE: 1, OTHER: 1}
