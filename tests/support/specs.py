"""Bad specs of the custom resources: one table for the models and for a real API server with the definitions.

A sentence is looked for in what either says, without regard to case. Where the API server has words of its own for a
plain limit, `server` gives them. What CEL cannot see at all is marked with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """A spec that is refused, at `field` (for the server: there or below), with a sentence that holds `says`."""

    id: str
    kind: str
    spec: Spec
    field: str
    says: str
    server: str | None = None
    """The API server's own words, where they differ."""
    unseen: str | None = None
    """Why the API server cannot see it."""


def pool(*addresses: str, **more: Any) -> Spec:
    """Return the spec of an IPAddressPool."""
    return {"addresses": list(addresses or ["198.51.100.0/24"]), **more}


def peer(**changes: Any) -> Spec:
    """Return the spec of a BGPPeer; a field changed to None is left out."""
    spec = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1", **changes}
    return {field: value for field, value in spec.items() if value is not None}


def choice(**requirement: Any) -> Spec:
    """Return the spec of a BGPPeer that chooses its nodes by one expression."""
    return peer(nodeSelectors=[{"matchExpressions": [requirement]}])


OF_NODE, GATEWAY = {"nodeAnnotation": "example.com/router"}, {"defaultGateway": "IPv4"}
ANNOTATION, GATEWAY_FIELD = "spec.peerAddressFrom.nodeAnnotation", "spec.peerAddressFrom.defaultGateway"
BY_ONE = "set either nodeAnnotation or defaultGateway"


def discovered(source: Spec, **changes: Any) -> Spec:
    """Return the spec of a BGPPeer whose address each node knows."""
    return peer(peerAddress=None, peerAddressFrom=source, **changes)


POOL, PEER, ADVERTISEMENT, NAMES = "IPAddressPool", "BGPPeer", "BGPAdvertisement", "Community"
WAITS: Any = {"passive": True, "localPort": 1790}
ADDRESS, NO_ADDRESS = "spec.addresses[0]", "neither a CIDR such as 198.51.100.0/24 nor a range such as"
NO_SERVICE = "addresses that no Service can use"
NO_IP = "is not an IP address: write it"
NO_COMMUNITY = "is not a community:"
BACKWARDS = "ends before it starts: write the lower address first"
WRITTEN_UNLIKE = "CEL compares texts, and the ends are not written alike"
NO_ORDER = "CEL knows no order of addresses"

BAD_POOLS = [
    Bad("no-addresses", POOL, {}, "spec.addresses", "required"),
    Bad("empty-addresses", POOL, {"addresses": []}, "spec.addresses", "at least 1 item"),
    Bad("too-many-addresses", POOL, pool(*["198.51.100.0/24"] * 257), "spec.addresses", "at most 256 items"),
    Bad("words", POOL, pool("all of them"), ADDRESS, NO_ADDRESS),
    Bad("bare-address", POOL, pool("198.51.100.1"), ADDRESS, NO_ADDRESS),
    Bad("number-too-large", POOL, pool("198.51.300.0/24"), ADDRESS, NO_ADDRESS),
    Bad("leading-zero", POOL, pool("198.051.100.0/24"), ADDRESS, NO_ADDRESS),
    Bad("length-too-large", POOL, pool("198.51.100.0/33"), ADDRESS, NO_ADDRESS),
    Bad("length-with-zero", POOL, pool("198.51.100.0/024"), ADDRESS, NO_ADDRESS),
    Bad("netmask", POOL, pool("198.51.100.0/255.255.255.0"), ADDRESS, NO_ADDRESS),
    Bad("space-before-cidr", POOL, pool(" 198.51.100.0/24"), ADDRESS, NO_ADDRESS),
    Bad("two-in-one", POOL, pool("198.51.100.0/25,198.51.100.128/25"), ADDRESS, NO_ADDRESS),
    Bad("host-bits", POOL, pool("198.51.100.7/24"), ADDRESS, "has host bits set: write"),
    Bad("host-bits-v6", POOL, pool("2001:db8::7/64"), ADDRESS, "has host bits set: write"),
    Bad("mapped-cidr", POOL, pool("::ffff:198.51.100.0/120"), ADDRESS, NO_ADDRESS),
    Bad("mapped-range", POOL, pool("::ffff:198.51.100.1-::ffff:198.51.100.9"), ADDRESS, NO_ADDRESS),
    Bad("zone", POOL, pool("2001:db8::1%eth0-2001:db8::9"), ADDRESS, NO_ADDRESS),
    Bad("half-range", POOL, pool("198.51.100.1-"), ADDRESS, NO_ADDRESS),
    Bad("three-ends", POOL, pool("198.51.100.1-198.51.100.2-198.51.100.3"), ADDRESS, NO_ADDRESS),
    Bad("short-range", POOL, pool("198.51.100.10-20"), ADDRESS, NO_ADDRESS),
    Bad("range-of-cidrs", POOL, pool("198.51.100.0/25-198.51.100.128/25"), ADDRESS, NO_ADDRESS),
    Bad("two-families", POOL, pool("198.51.100.1-2001:db8::1"), ADDRESS, "write one family per range"),
    Bad("backwards", POOL, pool("198.51.100.9-198.51.100.1"), ADDRESS, BACKWARDS),
    Bad("backwards-by-digits", POOL, pool("198.51.100.10 - 198.51.100.9"), ADDRESS, BACKWARDS),
    Bad("backwards-by-the-first-part", POOL, pool("198.51.100.1-45.51.200.9"), ADDRESS, BACKWARDS),
    Bad("backwards-v6", POOL, pool("2001:db8::10-2001:db8::9"), ADDRESS, BACKWARDS),
    Bad("backwards-v6-behind-a-gap", POOL, pool("2001:db8::1:9-2001:db8::1:1"), ADDRESS, BACKWARDS),
    Bad("backwards-v6-into-a-gap", POOL, pool("2001:db8:1::1-2001:db8::1:1"), ADDRESS, BACKWARDS),
    Bad("backwards-v6-without-a-gap", POOL, pool("2001:db8:1:2:3:4:5:6-2001:db8:1:2:3:4:5:5"), ADDRESS, BACKWARDS),
    Bad("backwards-capitals", POOL, pool("2001:db8::B-2001:DB8::a"), ADDRESS, BACKWARDS, unseen=WRITTEN_UNLIKE),
    Bad("backwards-unlike", POOL, pool("2001:db8::1:0-2001:db8::9"), ADDRESS, BACKWARDS, unseen=WRITTEN_UNLIKE),
    Bad("backwards-mixed", POOL, pool("::192.0.2.9-::192.0.2.1"), ADDRESS, BACKWARDS, unseen=WRITTEN_UNLIKE),
    Bad("all-there-is", POOL, pool("0.0.0.0/0"), ADDRESS, f"{NO_SERVICE}: 0.0.0.0/8"),
    Bad("this-network", POOL, pool("0.0.0.0/8"), ADDRESS, NO_SERVICE),
    Bad("this-network-range", POOL, pool("0.0.0.1-0.0.0.9"), ADDRESS, NO_SERVICE),
    Bad("loopback", POOL, pool("127.0.0.0/24"), ADDRESS, NO_SERVICE),
    Bad("loopback-inside", POOL, pool("126.0.0.0/7"), ADDRESS, NO_SERVICE),
    Bad("loopback-amid", POOL, pool("126.0.0.1-128.0.0.1"), ADDRESS, NO_SERVICE, unseen=NO_ORDER),
    Bad("loopback-v6", POOL, pool("::1/128"), ADDRESS, NO_SERVICE),
    Bad("multicast", POOL, pool("224.0.0.0/24"), ADDRESS, f"{NO_SERVICE}: 224.0.0.0/4"),
    Bad("multicast-range", POOL, pool("224.0.0.1-224.0.0.9"), ADDRESS, NO_SERVICE),
    Bad("multicast-v6", POOL, pool("ff02::/64"), ADDRESS, f"{NO_SERVICE}: ff00::/8"),
    Bad("link-local", POOL, pool("169.254.0.0/24"), ADDRESS, NO_SERVICE),
    Bad("link-local-v6", POOL, pool("fe80::1-fe80::9"), ADDRESS, NO_SERVICE),
    Bad("broadcast", POOL, pool("255.255.255.255/32"), ADDRESS, NO_SERVICE),
    Bad("second-is-bad", POOL, pool("198.51.100.0/24", "x"), "spec.addresses[1]", NO_ADDRESS),
    Bad(
        "overlap-within",
        POOL,
        pool("198.51.100.0/24", "198.51.100.9-198.51.100.20"),
        "spec.addresses",
        "overlap: write each address once",
        unseen=NO_ORDER,
    ),
    Bad("text-for-flag", POOL, pool(autoAssign="yes"), "spec.autoAssign", "boolean"),
    Bad("number-for-flag", POOL, pool(disabled=1), "spec.disabled", "boolean"),
    Bad("quota-none", POOL, pool(quotaPerNamespace=0), "spec.quotaPerNamespace", "greater than or equal to 1"),
    Bad("quota-text", POOL, pool(quotaPerNamespace="5"), "spec.quotaPerNamespace", "integer"),
    Bad(
        "priority-negative",
        POOL,
        pool(serviceAllocation={"priority": -1}),
        "spec.serviceAllocation.priority",
        "greater than or equal to 0",
    ),
    Bad(
        "namespace-twice",
        POOL,
        pool(serviceAllocation={"namespaces": ["a", "a"]}),
        "spec.serviceAllocation.namespaces",
        "duplicate value",
    ),
    Bad(
        "reservation-no-ip",
        POOL,
        pool(reservations=[{"address": "x", "namespace": "a"}]),
        "spec.reservations[0].address",
        NO_IP,
    ),
    Bad(
        "reservation-for-nobody",
        POOL,
        pool(reservations=[{"address": "198.51.100.1"}]),
        "spec.reservations[0].namespace",
        "required",
    ),
    Bad(
        "reservation-twice",
        POOL,
        pool(reservations=[{"address": "2001:db8::1", "namespace": n} for n in "ab"]),
        "spec.reservations",
        "an address can be reserved only once",
    ),
    Bad(
        "reservation-twice-in-other-letters",
        POOL,
        pool(reservations=[{"address": a, "namespace": "a"} for a in ("2001:db8::a", "2001:DB8:0::A")]),
        "spec.reservations",
        "an address can be reserved only once",
    ),
]

BAD_PEERS = [
    Bad("no-asn", PEER, peer(myASN=None), "spec.myASN", "set either myASN or myASNFrom"),
    Bad("no-peer-asn", PEER, peer(peerASN=None), "spec.peerASN", "set either peerASN or peerASNFrom"),
    Bad("no-address", PEER, peer(peerAddress=None), "spec.peerAddress", "set either peerAddress or peerAddressFrom"),
    Bad("asn-and-from", PEER, peer(myASNFrom=OF_NODE), "spec.myASN", "set either myASN or myASNFrom"),
    Bad("peer-asn-and-from", PEER, peer(peerASNFrom=OF_NODE), "spec.peerASN", "set either peerASN or peerASNFrom"),
    Bad("address-and-from", PEER, peer(peerAddressFrom=OF_NODE), "spec.peerAddress", "or peerAddressFrom"),
    Bad("address-from-nothing", PEER, discovered({}), "spec.peerAddressFrom", BY_ONE),
    Bad("address-from-both", PEER, discovered({**OF_NODE, **GATEWAY}), "spec.peerAddressFrom", BY_ONE),
    Bad(
        "gateway-unknown", PEER, discovered({"defaultGateway": "ipv4"}), GATEWAY_FIELD, "'IPv4' or 'IPv6'", "supported"
    ),
    Bad(
        "gateway-of-other-family",
        PEER,
        discovered(GATEWAY, sourceAddress="2001:db8::1"),
        "spec.sourceAddress",
        "must be of the same family as the default gateway",
    ),
    Bad(
        "annotation-of-nothing", PEER, peer(peerASN=None, peerASNFrom={}), "spec.peerASNFrom.nodeAnnotation", "required"
    ),
    Bad("annotation-empty", PEER, discovered({"nodeAnnotation": ""}), ANNOTATION, "is not a key of an annotation"),
    Bad(
        "annotation-of-two-words", PEER, discovered({"nodeAnnotation": "a b"}), ANNOTATION, "write it like example.com"
    ),
    Bad("annotation-of-two-prefixes", PEER, discovered({"nodeAnnotation": "a/b/c"}), ANNOTATION, "is not a key"),
    Bad("annotation-with-newline", PEER, discovered({"nodeAnnotation": "a\n"}), ANNOTATION, "is not a key"),
    Bad("annotation-too-long", PEER, discovered({"nodeAnnotation": "a" * 318}), ANNOTATION, "is not a key", "Too long"),
    Bad(
        "router-id-and-from",
        PEER,
        peer(routerID="203.0.113.9", routerIDFrom=OF_NODE),
        "spec.routerID",
        "set either routerID or routerIDFrom",
    ),
    Bad("asn-0", PEER, peer(myASN=0), "spec.myASN", "greater than or equal to 1"),
    Bad("asn-too-large", PEER, peer(peerASN=4294967296), "spec.peerASN", "less than or equal to 4294967295"),
    Bad("asn-text", PEER, peer(peerASN="64513"), "spec.peerASN", "integer"),
    Bad("asn-trans", PEER, peer(peerASN=23456), "spec.peerASN", "RFC 6793"),
    Bad("asn-last-16", PEER, peer(myASN=65535), "spec.myASN", "write the AS number of your network"),
    Bad("asn-last-32", PEER, peer(myASN=4294967295), "spec.myASN", "write the AS number of your network"),
    Bad("host-name", PEER, peer(peerAddress="router.example"), "spec.peerAddress", NO_IP),
    Bad("address-with-length", PEER, peer(peerAddress="203.0.113.1/24"), "spec.peerAddress", NO_IP),
    Bad("address-with-zone", PEER, peer(peerAddress="fe80::1%eth0"), "spec.peerAddress", NO_IP),
    Bad("address-mapped", PEER, peer(peerAddress="::ffff:203.0.113.1"), "spec.peerAddress", NO_IP),
    Bad("address-unspecified", PEER, peer(peerAddress="0.0.0.0"), "spec.peerAddress", "must be a unicast address"),
    Bad("address-multicast", PEER, peer(peerAddress="ff02::5"), "spec.peerAddress", "must be a unicast address"),
    Bad("address-broadcast", PEER, peer(peerAddress="255.255.255.255"), "spec.peerAddress", "must be a unicast"),
    Bad("address-link-local", PEER, peer(peerAddress="fe80::1"), "spec.peerAddress", "set sourceInterface"),
    Bad("source-link-local", PEER, peer(sourceAddress="fe80::1"), "spec.sourceAddress", "not an IPv6 link-local one"),
    Bad("template-no-name", PEER, peer(template=""), "spec.template", "at least 1 char"),
    Bad("template-and-no-address", PEER, peer(peerAddress=None, template="a"), "spec.peerAddress", "peerAddressFrom"),
    Bad("template-and-both-asns", PEER, peer(peerASNFrom=OF_NODE, template="a"), "spec.peerASN", "or peerASNFrom"),
    Bad(
        "extended-next-hop-of-one-family",
        PEER,
        peer(extendedNextHop=True, families=["IPv4"]),
        "spec.extendedNextHop",
        "both families: remove families",
    ),
    Bad("extended-next-hop-text", PEER, peer(extendedNextHop="yes"), "spec.extendedNextHop", "boolean"),
    Bad("passive-nowhere", PEER, peer(passive=True), "spec.localPort", "set both passive and localPort"),
    Bad("local-port-of-who-calls", PEER, peer(localPort=1790), "spec.localPort", "set both passive and localPort"),
    Bad("local-port-with-rights", PEER, peer(passive=True, localPort=179), "spec.localPort", "or equal to 1024"),
    Bad("local-port-too-large", PEER, peer(passive=True, localPort=65536), "spec.localPort", "or equal to 65535"),
    Bad("passive-text", PEER, peer(passive="yes", localPort=1790), "spec.passive", "boolean"),
    Bad("passive-behind", PEER, peer(**WAITS, sourceInterface="eth0"), "spec.passive", "cannot use peerPort"),
    Bad("passive-calling", PEER, peer(**WAITS, peerPort=179), "spec.passive", "cannot use peerPort"),
    Bad("passive-gtsm", PEER, peer(**WAITS, ttlSecurity=True), "spec.passive", "cannot use peerPort"),
    Bad("port-0", PEER, peer(peerPort=0), "spec.peerPort", "greater than or equal to 1"),
    Bad("port-too-large", PEER, peer(peerPort=65536), "spec.peerPort", "less than or equal to 65535"),
    Bad("source-no-ip", PEER, peer(sourceAddress="eth0"), "spec.sourceAddress", NO_IP),
    Bad("source-of-other-family", PEER, peer(sourceAddress="2001:db8::1"), "spec.sourceAddress", "of the same family"),
    Bad("interface-too-long", PEER, peer(sourceInterface="e" * 16), "spec.sourceInterface", "15", "Too long"),
    Bad("interface-empty", PEER, peer(sourceInterface=""), "spec.sourceInterface", "write it like eth0"),
    Bad("interface-with-newline", PEER, peer(sourceInterface="eth0\n"), "spec.sourceInterface", "write it like eth0"),
    Bad("interface-of-two-words", PEER, peer(sourceInterface="a; b"), "spec.sourceInterface", "write it like eth0"),
    Bad("router-id-v6", PEER, peer(routerID="2001:db8::1"), "spec.routerID", "is not a router ID: write an IPv4"),
    Bad("router-id-0", PEER, peer(routerID="0.0.0.0"), "spec.routerID", "is not a router ID: write an IPv4"),
    Bad("router-id-number", PEER, peer(routerID="1"), "spec.routerID", NO_IP),
    Bad("bfd-too-fast", PEER, peer(bfd={"receiveInterval": 99}), "spec.bfd.receiveInterval", "100"),
    Bad("bfd-too-slow", PEER, peer(bfd={"transmitInterval": 60001}), "spec.bfd.transmitInterval", "60000"),
    Bad("bfd-multiplier-1", PEER, peer(bfd={"detectMultiplier": 1}), "spec.bfd.detectMultiplier", "2"),
    Bad("bfd-multihop", PEER, peer(bfd={}, ebgpMultiHop=True), "spec.bfd", "directly connected"),
    Bad("hold-time-1", PEER, peer(holdTime=1), "spec.holdTime", "3 to 65535 seconds (RFC 4271)"),
    Bad("hold-time-2s", PEER, peer(holdTime="2s"), "spec.holdTime", "3 to 65535 seconds (RFC 4271)"),
    Bad("hold-time-negative", PEER, peer(holdTime=-3), "spec.holdTime", "3 to 65535 seconds (RFC 4271)"),
    Bad("hold-time-too-long", PEER, peer(holdTime="19h"), "spec.holdTime", "3 to 65535 seconds (RFC 4271)"),
    Bad("hold-time-empty", PEER, peer(holdTime=""), "spec.holdTime", "write 90 (without quotes), 90s or 1m30s"),
    Bad("hold-time-no-unit", PEER, peer(holdTime="90"), "spec.holdTime", "write 90 (without quotes), 90s or 1m30s"),
    Bad("hold-time-fraction", PEER, peer(holdTime="1.5s"), "spec.holdTime", "write 90 (without quotes), 90s or 1m30s"),
    Bad("hold-time-flag", PEER, peer(holdTime=True), "spec.holdTime", "write 90", "must be of type integer"),
    Bad("hold-time-newline", PEER, peer(holdTime="90s\n"), "spec.holdTime", "write 90 (without quotes), 90s or 1m30s"),
    Bad(
        "restart-time-0",
        PEER,
        peer(gracefulRestart={"restartTime": 0}),
        "spec.gracefulRestart.restartTime",
        "1 to 4095 seconds",
    ),
    Bad(
        "restart-time-too-long",
        PEER,
        peer(gracefulRestart={"restartTime": "2h"}),
        "spec.gracefulRestart.restartTime",
        "1 to 4095 seconds",
    ),
    Bad("secret-no-name", PEER, peer(passwordSecretRef={}), "spec.passwordSecretRef.name", "required"),
    Bad("secret-empty", PEER, peer(passwordSecretRef={"name": ""}), "spec.passwordSecretRef.name", "at least 1 char"),
    Bad(
        "ttl-security-and-multi-hop",
        PEER,
        peer(ttlSecurity=True, ebgpMultiHop=True),
        "spec.ttlSecurity",
        "set either it or ebgpMultiHop",
    ),
    Bad("multi-hop-ibgp", PEER, peer(ebgpMultiHop=True, peerASN=64512), "spec.ebgpMultiHop", "remove it"),
    Bad("no-families", PEER, peer(families=[]), "spec.families", "at least 1 item"),
    Bad("family-twice", PEER, peer(families=["IPv4", "IPv4"]), "spec.families", "duplicate value"),
    Bad("family-unknown", PEER, peer(families=["ipv4"]), "spec.families[0]", "'IPv4' or 'IPv6'", "supported values"),
    Bad("next-hop-no-ip", PEER, peer(nextHop="self"), "spec.nextHop", NO_IP),
    Bad("next-hop-itself", PEER, peer(nextHop="203.0.113.1"), "spec.nextHop", "of the router itself"),
    Bad("next-hop-multicast", PEER, peer(nextHop="224.0.0.1"), "spec.nextHop", "must be a unicast address"),
    Bad(
        "operator-unknown",
        PEER,
        choice(key="zone", operator="in", values=["a"]),
        "spec.nodeSelectors[0].matchExpressions[0].operator",
        "'In', 'NotIn', 'Exists' or 'DoesNotExist'",
        "supported values",
    ),
    Bad(
        "in-without-values",
        PEER,
        choice(key="zone", operator="In"),
        "spec.nodeSelectors[0].matchExpressions[0]",
        "In and NotIn need values",
    ),
    Bad(
        "exists-with-values",
        PEER,
        choice(key="zone", operator="Exists", values=["a"]),
        "spec.nodeSelectors[0].matchExpressions[0]",
        "Exists and DoesNotExist take none",
    ),
    Bad(
        "label-number",
        PEER,
        peer(nodeSelectors=[{"matchLabels": {"rack": 5}}]),
        "spec.nodeSelectors[0].matchLabels.rack",
        "string",
    ),
]


def tagged(*communities: str) -> Spec:
    """Return the spec of a BGPAdvertisement with communities."""
    return {"communities": list(communities)}


def limits(*communities: str, **ranges: Spec) -> Spec:
    """Return the spec of a BGPAdvertisement that limits what annotations of Services may request."""
    return {"serviceOverrides": {"communities": list(communities), **ranges}}


COMMUNITY, OVERRIDES = "spec.communities[0]", "spec.serviceOverrides"
BOTH_WAYS = {"allowServiceOverrides": True, **limits("65001:1")}

BAD_ADVERTISEMENTS = [
    Bad("pool-twice", ADVERTISEMENT, {"ipAddressPools": ["a", "a"]}, "spec.ipAddressPools", "duplicate value"),
    Bad("peer-empty", ADVERTISEMENT, {"peers": [""]}, "spec.peers[0]", "at least 1 char"),
    Bad("length-0", ADVERTISEMENT, {"aggregationLength": 0}, "spec.aggregationLength", "greater than or equal to 1"),
    Bad("length-33", ADVERTISEMENT, {"aggregationLength": 33}, "spec.aggregationLength", "less than or equal to 32"),
    Bad("length-129", ADVERTISEMENT, {"aggregationLengthV6": 129}, "spec.aggregationLengthV6", "or equal to 128"),
    Bad("local-pref-negative", ADVERTISEMENT, {"localPref": -1}, "spec.localPref", "greater than or equal to 0"),
    Bad("med-too-large", ADVERTISEMENT, {"med": 4294967296}, "spec.med", "less than or equal to 4294967295"),
    Bad("prepend-17", ADVERTISEMENT, {"asPathPrepend": 17}, "spec.asPathPrepend", "less than or equal to 16"),
    Bad("weight", ADVERTISEMENT, {"weight": "Nodes"}, "spec.weight", "'None' or 'Endpoints'", "supported values"),
    Bad("community-words", ADVERTISEMENT, tagged("no export"), COMMUNITY, NO_COMMUNITY),
    Bad("community-long-name", ADVERTISEMENT, tagged("a" * 64), COMMUNITY, "or the name that a Community gives it"),
    Bad("community-number", ADVERTISEMENT, tagged("65001"), COMMUNITY, NO_COMMUNITY),
    Bad("community-16-bits", ADVERTISEMENT, tagged("65001:65536"), COMMUNITY, "does not fit into 16 bits"),
    Bad("community-of-three", ADVERTISEMENT, tagged("65001:1:2"), COMMUNITY, NO_COMMUNITY),
    Bad("community-zeros", ADVERTISEMENT, tagged("65001:000100"), COMMUNITY, NO_COMMUNITY),
    Bad("community-newline", ADVERTISEMENT, tagged("65001:100\n"), COMMUNITY, NO_COMMUNITY),
    Bad("community-command", ADVERTISEMENT, tagged("65001:100] announce"), COMMUNITY, NO_COMMUNITY),
    Bad("large-of-two", ADVERTISEMENT, tagged("large:65001:1"), COMMUNITY, NO_COMMUNITY),
    Bad("large-32-bits", ADVERTISEMENT, tagged("large:1:1:4294967296"), COMMUNITY, "does not fit into 32 bits"),
    Bad("target-16-bits", ADVERTISEMENT, tagged("target:65536:1"), COMMUNITY, "does not fit into 16 bits"),
    Bad("target-32-bits", ADVERTISEMENT, tagged("target:1:4294967296"), COMMUNITY, "32 bits"),
    Bad("override-both-ways", ADVERTISEMENT, BOTH_WAYS, OVERRIDES, "excludes allowServiceOverrides: true"),
    Bad("override-block", ADVERTISEMENT, limits("65001*"), f"{OVERRIDES}.communities[0]", "or 65001:* for all"),
    Bad("override-bits", ADVERTISEMENT, limits("1:65536"), f"{OVERRIDES}.communities[0]", "does not fit into 16 bits"),
    Bad("override-backwards", ADVERTISEMENT, limits(med={"min": 2, "max": 1}), f"{OVERRIDES}.med.min", "than max"),
    Bad("community-twice", ADVERTISEMENT, tagged("NO_EXPORT", "NO_EXPORT"), "spec.communities", "duplicate value"),
    Bad(
        "too-many-communities",
        ADVERTISEMENT,
        tagged(*[f"65001:{n}" for n in range(64)]),
        "spec.communities",
        "at most 63 items",
    ),
]


def named(name: str = "customer", value: str = "65001:100", *more: Spec) -> Spec:
    """Return the spec of a Community."""
    return {"communities": [{"name": name, "value": value}, *more]}


TOO_MANY = ("spec.communities", "at most 256 items")
NAME, VALUE = "spec.communities[0].name", "spec.communities[0].value"

BAD_COMMUNITIES = [
    Bad("name-missing", NAMES, {"communities": [{"value": "1:1"}]}, NAME, "required"),
    Bad("value-missing", NAMES, {"communities": [{"name": "a"}]}, VALUE, "required"),
    Bad("name-empty", NAMES, named(""), NAME, "is not a name for a community"),
    Bad("name-number", NAMES, named("65001"), NAME, "start with a letter"),
    Bad("name-of-two-words", NAMES, named("a b"), NAME, "is not a name for a community"),
    Bad("name-with-newline", NAMES, named("a\n"), NAME, "is not a name for a community"),
    Bad("name-too-long", NAMES, named("a" * 64), NAME, "63", "Too long"),
    Bad("name-well-known", NAMES, named("NO_EXPORT"), NAME, "is a well-known community"),
    Bad("value-name", NAMES, named(value="other"), VALUE, NO_COMMUNITY),
    Bad("value-too-long", NAMES, named(value="1" * 65), VALUE, NO_COMMUNITY, "Too long"),
    Bad("value-16-bits", NAMES, named(value="65536:1"), VALUE, "does not fit into 16 bits"),
    Bad("value-32-bits", NAMES, named(value="large:1:1:4294967296"), VALUE, "does not fit into 32 bits"),
    Bad("value-target", NAMES, named(value="target:65536:1"), VALUE, "does not fit into 16 bits"),
    Bad("name-twice", NAMES, named("a", "1:1", {"name": "a", "value": "1:2"}), "spec.communities", "duplicate value"),
    Bad(
        "too-many-names", NAMES, named("a", "1:1", *[{"name": f"n{n}", "value": "1:1"} for n in range(256)]), *TOO_MANY
    ),
]
