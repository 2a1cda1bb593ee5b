"""Good specs of the custom resources, and what the API server then holds: for the models and for a real API server."""

from dataclasses import dataclass

from tests.support.bad_specs import L2
from tests.support.specs import (
    ADVERTISEMENT,
    GATEWAY,
    NAMES,
    OF_NODE,
    PEER,
    POOL,
    Spec,
    choice,
    discovered,
    named,
    peer,
    pool,
    tagged,
)

POOL_DEFAULTS = {"autoAssign": True, "avoidBuggyIPs": False, "disabled": False, "allowCrossNamespaceSharing": False}
BFD_DEFAULTS = {"receiveInterval": 300, "transmitInterval": 300, "detectMultiplier": 3, "strict": False}
ADVERTISEMENT_DEFAULTS = {
    "aggregationLength": 32,
    "aggregationLengthV6": 128,
    "weight": "None",
    "allowServiceOverrides": False,
}


@dataclass(frozen=True, slots=True)
class Good:
    """A spec that is accepted; the API server holds `defaults`, and over them what the spec says, or `stored`."""

    id: str
    kind: str
    spec: Spec
    defaults: Spec
    stored: Spec | None = None


def good_pool(name: str, spec: Spec) -> Good:
    """Return the row of an IPAddressPool."""
    return Good(name, POOL, spec, POOL_DEFAULTS)


def good_peer(name: str, spec: Spec, stored: Spec | None = None) -> Good:
    """Return the row of a BGPPeer, to which no default is added, so that unset fields can be seen."""
    return Good(name, PEER, spec, {}, stored)


def good_bfd(name: str, **bfd: object) -> Good:
    """Return the row of a BGPPeer with BFD, whose timers have defaults."""
    return good_peer(name, peer(bfd=bfd), stored=peer(bfd={**BFD_DEFAULTS, **bfd}))


def good_advertisement(name: str, spec: Spec) -> Good:
    """Return the row of a BGPAdvertisement."""
    return Good(name, ADVERTISEMENT, spec, ADVERTISEMENT_DEFAULTS)


_WIDE = "2001:0db8:0000:0000:0000:0000:{0:04x}:0000-2001:0db8:0000:0000:0000:0000:{0:04x}:ffff"
_ALL_VALUES = {"key": "example.org/zone", "operator": "In", "values": [f"{n:063}" for n in range(64)]}
_SELECTOR = {"matchLabels": {f"label-{n}": "x" * 63 for n in range(64)}, "matchExpressions": [_ALL_VALUES] * 4}

GOOD = [
    Good("l2-empty", L2, {}, {}),
    Good("l2-on-interfaces", L2, {"interfaces": ["eth0", "bond0.100", "br-lan"], "ipAddressPools": ["lan"]}, {}),
    Good("l2-selectors", L2, {"ipAddressPoolSelectors": [{}], "nodeSelectors": [{}], "serviceSelectors": [{}]}, {}),
    good_pool("pool-cidr", pool()),
    good_pool("pool-range", pool("198.51.100.10-198.51.100.20")),
    good_pool("pool-range-by-digits", pool("198.51.100.9-198.51.100.10", "203.0.113.1-203.0.113.1")),
    good_pool(
        "pool-range-v6", pool("2001:db8::9-2001:db8::10", "2001:db8::ffff-2001:db8:0:1::", "64:ff9b::-64:ff9b::")
    ),
    good_pool(
        "pool-range-v6-in-capitals", pool("2001:DB8::a-2001:db8::B", "2001:db9:1:2:3:4:5:6-2001:db9:1:2:3:4:5:7")
    ),
    good_pool("pool-range-v6-mixed", pool("2001:db8::192.0.2.1-2001:db8::192.0.2.9")),
    good_pool("pool-range-with-spaces", pool("198.51.100.10 - 198.51.100.20")),
    good_pool("pool-one-address", pool("198.51.100.1/32", "198.51.100.2-198.51.100.2", "2001:db8::1/128")),
    good_pool("pool-dual", pool("198.51.100.0/24", "2001:db8:100::/64", "2001:DB8:200::1-2001:db8:200::ffff")),
    good_pool("pool-private", pool("10.0.0.0/8", "100.64.0.0/10", "fd00::/8")),
    good_pool(
        "pool-everything",
        {
            "addresses": ["198.51.100.0/24"],
            "autoAssign": False,
            "avoidBuggyIPs": True,
            "disabled": True,
            "quotaPerNamespace": 5,
            "serviceAllocation": {
                "priority": 10,
                "namespaces": ["a", "b"],
                "namespaceSelectors": [{"matchLabels": {"team": "a"}}],
                "serviceSelectors": [{"matchExpressions": [{"key": "public", "operator": "Exists"}]}],
            },
            "reservations": [
                {"address": "198.51.100.1", "namespace": "a", "service": "web"},
                {"address": "198.51.100.2", "namespace": "a"},
            ],
        },
    ),
    good_pool(
        "pool-as-large-as-can-be",
        {
            "addresses": [_WIDE.format(n) for n in range(256)],
            "reservations": [{"address": f"2001:db8::{n:x}", "namespace": "a" * 63} for n in range(64)],
            "serviceAllocation": {
                "namespaces": [f"{n:063}" for n in range(256)],
                "namespaceSelectors": [_SELECTOR] * 8,
                "serviceSelectors": [_SELECTOR] * 8,
            },
        },
    ),
    good_peer("peer-least", peer()),
    good_peer("peer-ibgp", peer(peerASN=64512, ttlSecurity=True)),
    good_peer("peer-v6", peer(peerAddress="2001:db8::1", sourceAddress="2001:db8::2", routerID="203.0.113.11")),
    good_peer("peer-on-the-node", peer(peerAddress="127.0.0.1", peerPort=1790)),
    good_peer("peer-link-local-v4", peer(peerAddress="169.254.1.1")),
    good_peer("peer-no-keepalives", peer(holdTime=0)),
    good_bfd("peer-bfd"),
    good_bfd("peer-bfd-timers", receiveInterval=100, transmitInterval=60000, detectMultiplier=255),
    good_bfd("peer-bfd-strict", strict=True, detectMultiplier=2),
    good_peer("peer-hold-time-text", peer(holdTime="1m30s")),
    good_peer("peer-hold-time-0s", peer(holdTime="0s")),
    good_peer("peer-longest-hold-time", peer(holdTime=65535)),
    good_peer("peer-largest-asns", peer(myASN=4294967294, peerASN=65534)),
    good_peer("peer-one-family", peer(families=["IPv6"])),
    good_peer(
        "peer-half-a-graceful-restart",
        peer(gracefulRestart={"enabled": False}),
        peer(gracefulRestart={"enabled": False, "restartTime": 120}),
    ),
    good_peer("peer-null-is-unset", {**peer(), "peerPort": None, "routerID": None}, peer()),
    good_peer("peer-passive", peer(passive=True, localPort=1790, sourceAddress="203.0.113.11")),
    good_peer("peer-passive-by-template", peer(template="tor", passive=True, myASN=None, peerASN=None)),
    good_peer("peer-link-local", peer(peerAddress="fe80::1", sourceInterface="eth0", extendedNextHop=True)),
    good_peer("peer-of-a-template", {"template": "tor", "peerAddress": "203.0.113.2"}),
    good_peer("peer-of-a-template-but-for", {"template": "a" * 253, "peerAddress": "fe80::1", "peerASNFrom": OF_NODE}),
    good_peer("peer-not-in", choice(key="zone", operator="NotIn", values=["a", "b"])),
    good_peer(
        "peer-everything",
        peer(
            peerPort=1790,
            sourceAddress="203.0.113.11",
            sourceInterface="bond0.100",
            routerID="203.0.113.11",
            holdTime="30s",
            passwordSecretRef={"name": "tor"},
            ebgpMultiHop=True,
            ttlSecurity=False,
            gracefulRestart={"enabled": True, "restartTime": "1m"},
            families=["IPv4"],
            nextHop="203.0.113.12",
            nodeSelectors=[{"matchLabels": {"rack": "1"}}, {}],
        ),
    ),
    good_peer("peer-is-the-gateway", discovered(GATEWAY, sourceAddress="203.0.113.11")),
    good_peer("peer-is-the-gateway-v6", discovered({"defaultGateway": "IPv6"}, sourceAddress="2001:db8::9")),
    good_peer("peer-by-annotation", discovered({"nodeAnnotation": "router"}, sourceAddress="2001:db8::9")),
    good_peer("peer-by-long-annotation", discovered({"nodeAnnotation": f"{'a' * 253}/{'B' * 63}"})),
    good_peer(
        "peer-all-of-the-node",
        discovered(OF_NODE, myASN=None, myASNFrom=OF_NODE, peerASN=None, peerASNFrom=OF_NODE, routerIDFrom=OF_NODE),
    ),
    good_peer("peer-multi-hop-with-the-node's-own-asn", peer(myASN=None, myASNFrom=OF_NODE, ebgpMultiHop=True)),
    good_peer("peer-as-large-as-can-be", peer(nodeSelectors=[_SELECTOR] * 16)),
    good_advertisement("advertisement-of-everything", {}),
    good_advertisement(
        "advertisement-with-everything",
        {
            "ipAddressPools": ["main"],
            "ipAddressPoolSelectors": [{"matchLabels": {"tier": "public"}}],
            "serviceSelectors": [{}],
            "nodeSelectors": [{"matchLabels": {"rack": "1"}}],
            "peers": ["tor-1", "tor-2"],
            "peerSelectors": [{}],
            "aggregationLength": 24,
            "aggregationLengthV6": 64,
            "localPref": 0,
            "med": 4294967295,
            "asPathPrepend": 16,
            "communities": ["65001:100", "large:4294967295:1:2", "target:65001:4294967295", "origin:1:1", "NO_EXPORT"],
            "weight": "Endpoints",
            "allowServiceOverrides": True,
        },
    ),
    good_advertisement(
        "advertisement-as-large-as-can-be",
        {
            **tagged(*[f"large:4294967295:4294967295:{4294967232 + n}" for n in range(63)]),
            "ipAddressPools": [f"{n:0253}" for n in range(256)],
            "peers": [f"{n:0253}" for n in range(256)],
            "nodeSelectors": [_SELECTOR] * 8,
        },
    ),
    good_advertisement(
        "advertisement-with-limits-for-services",
        {
            "serviceOverrides": {
                "communities": ["65001:*", "large:1:*", "large:1:2:*", "target:1:*", "a", "NO_EXPORT", "1:1"],
                "localPref": {"min": 0, "max": 4294967295},
                "med": {"min": 5, "max": 5},
                "asPathPrepend": {"min": 0, "max": 3},
            },
        },
    ),
    good_advertisement("advertisement-with-names", tagged("no-export", "a", "Customer_1.v-2", "a" * 63)),
    Good("names-none", NAMES, {}, {}),
    Good("names-of-all-kinds", NAMES, named("a" * 63, "large:1:2:3", {"name": "B.c-1", "value": "NO_EXPORT"}), {}),
    Good(
        "name-well-known-as-it-is",
        NAMES,
        named("NO_EXPORT", "65535:65281", {"name": "BLACKHOLE", "value": "BLACKHOLE"}),
        {},
    ),
    Good(
        "names-as-many-as-can-be",
        NAMES,
        {"communities": [{"name": f"{'n' * 60}{n}", "value": f"large:4294967295:1:{n}"} for n in range(256)]},
        {},
    ),
]
