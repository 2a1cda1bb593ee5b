"""Broken sessions with a real router: `exalb explain` names the cause and what to do, from what the node reports."""

import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from exalb_bgp.session import Family
from tests.lab.wait import until
from tests.router.one_node import NEIGHBOR, NODE, Rack, built, rack
from tests.support.objects import Object, assigned_service, endpoints, secret
from tests.support.session_faults import FAULTS, PAGE, SAID, SEEN, Fault
from tests.support.surfaces import surfaces
from tests.support.unexplained import ROUTER_FILTERS

__all__ = ["built", "rack"]

SECONDS = 60
MORE = [assigned_service("shop/more", "198.51.100.2"), endpoints("shop/more")]
STILL_MORE = [assigned_service("shop/most", "198.51.100.3"), endpoints("shop/most")]
DROPS_BGP = "table inet acl { chain input { type filter hook input priority 0; tcp dport 179 drop; }; }"


def announced(rack: Rack, *more: Object, **spec: Any) -> None:
    """Bring the session up and announce, with nothing broken."""
    rack.router.configure(NEIGHBOR)
    rack.wants(*more, **spec)
    until("the Service is announced", rack.well, seconds=60)


def other_asn(rack: Rack) -> None:
    """Expect another AS number of the node."""
    rack.router.configure(replace(NEIGHBOR, asn=64999))
    rack.wants()


def other_password(rack: Rack) -> None:
    """Give the Secret another password than the router has."""
    rack.router.configure(replace(NEIGHBOR, password="s3cret"))
    rack.wants(secret("key", "wrong"), passwordSecretRef={"name": "key"})


def password_on_the_router_alone(rack: Rack) -> None:
    """Give the router a password for the node, and the BGPPeer none."""
    rack.router.configure(replace(NEIGHBOR, password="s3cret"))
    rack.wants()


def unknown_neighbor(rack: Rack) -> None:
    """Leave the node's address out of the router's neighbors."""
    rack.router.configure()
    rack.wants()


def access_list(rack: Rack) -> None:
    """Drop BGP at the router."""
    rack.router.namespace.run(["nft", DROPS_BGP])
    rack.router.configure(NEIGHBOR)
    rack.wants()


def router_gone(rack: Rack) -> None:
    """Cut the cable to the router while the session is Established."""
    announced(rack)
    rack.router.namespace.ip("link set eth0 down")


def prefix_limit(rack: Rack) -> None:
    """Let the router take one prefix of the node, and announce more; FRR sees it at the next UPDATE."""
    announced(rack)
    limit = ["address-family ipv4 unicast", f"neighbor {NODE} maximum-prefix 1"]
    rack.router.vtysh("configure terminal", "router bgp 64513", *limit)
    rack.wants(*MORE)
    until("the router has both", lambda: len(rack.router.prefixes()) == 2, seconds=SECONDS)
    rack.wants(*MORE, *STILL_MORE)


def family_refused(rack: Rack) -> None:
    """Leave IPv4 unicast inactive for the node."""
    rack.router.configure(replace(NEIGHBOR, families=frozenset({Family.IPV6})))
    rack.wants()


def shut_down(rack: Rack) -> None:
    """Shut the neighbor down on the router, with a message."""
    announced(rack)
    rack.router.vtysh("configure terminal", "router bgp 64513", f"neighbor {NODE} shutdown message moving racks")


def neighbor_removed(rack: Rack) -> None:
    """Remove the neighbor from the router."""
    announced(rack)
    rack.router.configure()


def dead_exabgp(rack: Rack) -> None:
    """End ExaBGP and its supervisor."""
    announced(rack)
    rack.engine.stop_supervisor()
    rack.undo = rack.engine.start_supervisor


def hanging_exabgp(rack: Rack) -> None:
    """Stop ExaBGP, its helper, and the supervisor that would end it; then announce more."""
    announced(rack)
    pids = [rack.engine.supervisor_pid, rack.engine.pid("exabgp.server"), rack.engine.pid("relay.py")]
    rack.undo = partial(send, pids, signal.SIGCONT)
    send(pids, signal.SIGSTOP)
    rack.wants(*MORE)


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to processes of this test."""
    for pid in pids:
        os.kill(pid, number)


STAGES = (
    *(other_asn, other_password, password_on_the_router_alone, unknown_neighbor, access_list, router_gone),
    *(prefix_limit, family_refused, shut_down, neighbor_removed, dead_exabgp, hanging_exabgp),
)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
def test_cause_is_named(rack: Rack, stage: Callable[[Rack], None]) -> None:
    stage(rack)
    fault = FAULTS[stage.__name__]
    for subject in ("service/shop/web", "peer/tor", "node/n1"):
        until(f"{subject} names the cause", partial(names, rack, subject, fault), seconds=SECONDS)
    until("conditions, events, metrics and the page agree", partial(agree, rack, fault), seconds=SECONDS)


def test_every_fault_is_staged() -> None:
    assert {stage.__name__ for stage in STAGES} == FAULTS.keys()


def names(rack: Rack, subject: str, fault: Fault) -> bool:
    """Whether the answer has the reason, the error and the next step of a fault."""
    found = rack.answer(subject)
    first = found.first_broken
    assert first, found
    assert first.reason is fault.reason, first
    assert fault.says in first.message, first
    assert fault.next in first.next, first
    return True


def agree(rack: Rack, fault: Fault) -> bool:
    """Whether all other places have the reason, and those that have a message say the same."""
    seen, status = rack.seen(), rack.engine.status
    assert surfaces(seen, fault.reason.value, status) >= SEEN[fault.reason] | PAGE
    assert surfaces(seen, fault.says, status) >= SAID[fault.reason] | {"page Sessions"}
    return True


def test_router_that_filters_is_where_to_look_next(rack: Rack) -> None:
    """BGP does not say that a router refused a route: nothing is broken here, and the last step names the router."""
    announced(rack)
    lines = ["route-map none deny 10", "router bgp 64513", "address-family ipv4 unicast"]
    rack.router.vtysh("configure terminal", *lines, f"neighbor {NODE} route-map none in")
    until("the router has no route", lambda: not rack.router.prefixes(), seconds=SECONDS)
    found = rack.answer()
    assert found.first_broken is None
    assert ROUTER_FILTERS in found.steps[-1].message
