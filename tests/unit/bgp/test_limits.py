"""Sessions that are rejected before ExaBGP reads them, and the errors."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from exalb_bgp.limits import problem, split_valid
from exalb_bgp.session import Password, Session

NODE, ROUTER = IPv4Address("10.77.0.11"), IPv4Address("10.77.0.100")
SESSION = Session("tor", ROUTER, 64512, 64513, NODE)
NEAR = IPv6Address("fe80::1%eth0")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"peer_port": 0}, "the port of the peer must be from 1 to 65535, not 0"),
        ({"peer_port": 70000}, "the port of the peer must be from 1 to 65535, not 70000"),
        ({"listen_port": 0}, "the port to listen on must be from 1 to 65535, not 0"),
        ({"graceful_restart": 5000}, "the restart time must be from 1 to 4095, not 5000"),
        ({"graceful_restart": 0}, "the restart time must be from 1 to 4095, not 0"),
        ({"local_asn": 0}, "the local AS number must be from 1 to 4294967295, not 0"),
        ({"peer_asn": 1 << 32}, "the AS number of the peer must be from 1 to 4294967295, not 4294967296"),
        ({"ebgp_multihop": 256}, "the TTL must be from 1 to 255, not 256"),
        ({"hold_time": 2}, "the hold time must be 0 or from 3 to 65535 seconds, not 2"),
        ({"hold_time": 70000}, "the hold time must be 0 or from 3 to 65535 seconds, not 70000"),
        ({"router_id": IPv4Address(0)}, "the router ID must not be 0.0.0.0"),
        ({"peer_address": NEAR}, "the peer fe80::1%eth0 is link-local: the session needs a source interface"),
        ({"peer_address": IPv4Address("224.0.0.1")}, "the address of the peer must be a unicast address"),
        ({"local_address": IPv4Address(0)}, "the source address must be a unicast address, not 0.0.0.0"),
        ({"peer_address": IPv6Address("::ffff:10.0.0.2")}, "the address of the peer must be written as 10.0.0.2"),
        ({"local_address": ROUTER}, "the source address and the peer are both 10.77.0.100"),
        ({"local_address": IPv6Address("2001:db8::1")}, "the source address 2001:db8::1 and the peer 10.77.0.100"),
        ({"passive": True}, "a passive session needs a source address to listen on"),
        ({"password": Password(bytes(81))}, "the password must have 1 to 80 bytes"),
        ({"source_interface": "eth0;"}, "'eth0;' is not a valid name of a network interface"),
        ({"ttl_security": True, "ebgp_multihop": 5}, "TTL security sends with TTL 255, not 5"),
        ({"families": frozenset()}, "the session has no address family"),
    ],
)
def test_session_that_cannot_open_is_rejected_with_error(change: dict[str, Any], error: str) -> None:
    session = replace(SESSION, **change)
    assert (problem(session) or "").startswith(error)
    assert split_valid({"tor": session, "spine": replace(SESSION, peer="spine", peer_address=NODE)})[0].keys() == {
        "spine"
    }


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"hold_time": 0},
        {"hold_time": 3},
        {"graceful_restart": 4095},
        {"peer_port": 65535},
        {"local_asn": 0xFFFFFFFF},
        {"peer_address": NEAR, "source_interface": "eth0"},
        {"ttl_security": True, "ebgp_multihop": 255},
        {"ebgp_multihop": 1},
    ],
)
def test_session_that_can_open_is_accepted(change: dict[str, Any]) -> None:
    assert problem(replace(SESSION, **change)) is None
