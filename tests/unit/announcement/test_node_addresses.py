"""Nodes have several InternalIPs, only an ExternalIP, one family, or no address at all: each has its sessions."""

from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

from exalb.kube.manifests import snapshot_of
from exalb.validation.node_annotations import FieldError
from exalb_bgp.session import Session
from tests.support.decisions import plan_of
from tests.support.objects import Object, node, peer

SEVERAL = node("n1", "10.0.0.1", "10.0.1.1", "fd00::1", "fd00::2")
EXTERNAL = node("n1", external=["192.0.2.9", "2001:db8::9"])
SIX = node("n1", "fd00::1")
NOTHING = node("n1")


def session(which: Object, **spec: Any) -> Session | FieldError | None:
    """Return the session of the node with its router."""
    cluster, _ = snapshot_of([which, node("n2", "10.0.0.2"), peer(**spec)], "exalb-system")
    return plan_of("n1", cluster).sessions["tor"].session


@pytest.mark.parametrize("router", ["203.0.113.1", "2001:db8:1::1"])
@pytest.mark.parametrize(
    ("which", "identifier"),
    [
        pytest.param(SEVERAL, "10.0.0.1", id="several-internal"),
        pytest.param(EXTERNAL, "235.121.84.236", id="external-only"),
        pytest.param(SIX, "235.121.84.236", id="ipv6-only"),
        pytest.param(NOTHING, "235.121.84.236", id="none"),
    ],
)
def test_node_has_a_session_and_an_identifier_of_its_own(which: Object, identifier: str, router: str) -> None:
    """The kernel chooses the local address by its route; the identifier is the same at each start."""
    found = session(which, peerAddress=router)
    assert isinstance(found, Session)
    assert (found.peer_address, found.local_address) == (ip_address(router), None)
    assert found.router_id == IPv4Address(identifier)


def test_router_connects_to_the_first_internal_address_of_its_family() -> None:
    for router, own in (("203.0.113.1", "10.0.0.1"), ("2001:db8:1::1", "fd00::1")):
        found = session(SEVERAL, peerAddress=router, passive=True, localPort=1790)
        assert isinstance(found, Session)
        assert found.local_address == ip_address(own)


@pytest.mark.parametrize("which", [EXTERNAL, SIX, NOTHING], ids=["external-only", "ipv6-only", "none"])
def test_router_cannot_connect_where_no_internal_address_is_of_its_family(which: Object) -> None:
    assert session(which, peerAddress="203.0.113.1", passive=True, localPort=1790) is None
