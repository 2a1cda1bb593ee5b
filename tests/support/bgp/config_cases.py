"""The sessions and steps whose texts the golden files hold."""

import sys
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

from exalb_bgp.exabgp import relay
from exalb_bgp.rib import (
    GRACEFUL_SHUTDOWN,
    Attributes,
    Community,
    ExtendedCommunity,
    ExtendedKind,
    LargeCommunity,
)
from exalb_bgp.session import Family, Password, Session
from exalb_bgp.steps import Announce, EndOfRib, ResendAll, ResetSession, Step, Withdraw

HELPER = ("/usr/bin/python3", "-I", "-S", "/usr/lib/exalb/relay.py", "/run/exalb/api.sock")
HERE_HELPER = (sys.executable, "-I", "-S", str(relay.__file__), "/nowhere/api.sock")
"""A helper that is there: ExaBGP's parser looks for the program."""
ROUTER = IPv4Address("10.77.0.100")
NODE = IPv4Address("10.77.0.11")
PLAIN = Session("tor", ROUTER, 64512, 64513, NODE)
V6 = Session("tor6", IPv6Address("fd00:77::64"), 64512, 64513, NODE, local_address=IPv6Address("fd00:77::b"))

SESSIONS = {
    "none": [],
    "plain": [PLAIN],
    "everything": [
        Session(
            "tor",
            ROUTER,
            local_asn=4200000001,
            peer_asn=4200000001,
            router_id=NODE,
            local_address=NODE,
            peer_port=1790,
            hold_time=3,
            password=Password(b'pass;word"{} #\n\xff'),
            source_interface="eth0.100",
            ebgp_multihop=5,
            graceful_restart=120,
            extended_next_hop=True,
        )
    ],
    "ttl-security": [Session("tor", ROUTER, 64512, 64513, NODE, hold_time=0, ttl_security=True)],
    "passive": [Session("tor", ROUTER, 64512, 64513, NODE, local_address=NODE, passive=True)],
    "link-local": [
        Session(
            "tor",
            IPv6Address("fe80::1%eth0"),
            64512,
            64513,
            NODE,
            local_address=IPv6Address("fe80::2%eth0"),
            source_interface="eth0",
            families=frozenset({Family.IPV6}),
        )
    ],
    "several": [V6, PLAIN],
}
"""The sessions of each configuration, by the name of the file."""

ATTRIBUTES = Attributes(
    next_hop=NODE,
    local_pref=200,
    med=50,
    as_path_prepend=3,
    communities=(Community(64512, 100), GRACEFUL_SHUTDOWN, Community(65535, 65281)),
    large_communities=(LargeCommunity(64512, 1, 2), LargeCommunity(4294967295, 0, 4294967295)),
    extended_communities=(
        ExtendedCommunity(ExtendedKind.LINK_BANDWIDTH, 64512, 1250000),
        ExtendedCommunity(ExtendedKind.ROUTE_ORIGIN, 64512, 5),
        ExtendedCommunity(ExtendedKind.ROUTE_TARGET, 64512, 100),
    ),
)
TWIN = replace(PLAIN, peer="twin", peer_address=IPv4Address("10.77.0.101"))
STEPS: list[Step] = [
    Announce(PLAIN, Attributes(next_hop=NODE, as_path_prepend=1), (ip_network("198.51.100.1/32"),)),
    Announce(TWIN, Attributes(next_hop=NODE, as_path_prepend=1), (ip_network("198.51.100.1/32"),)),
    Announce(TWIN, Attributes(next_hop=NODE, as_path_prepend=2), (ip_network("198.51.100.2/32"),)),
    Announce(PLAIN, ATTRIBUTES, (ip_network("198.51.100.0/24"), ip_network("203.0.113.7/32"))),
    Announce(
        V6, Attributes(next_hop=IPv6Address("fd00:77::b"), as_path_prepend=1), (ip_network("2001:db8:100::1/128"),)
    ),
    Withdraw(PLAIN, (ip_network("198.51.100.1/32"), ip_network("198.51.100.0/24"))),
    Withdraw(V6, (ip_network("2001:db8:100::1/128"),)),
    EndOfRib(PLAIN, Family.IPV4),
    EndOfRib(V6, Family.IPV6),
    ResendAll(PLAIN),
    ResetSession(PLAIN),
]
