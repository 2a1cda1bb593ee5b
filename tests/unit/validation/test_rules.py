"""What is out of force, and what the plan says of it; the rest goes on."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.objects import (
    Object,
    advertisement,
    community,
    endpoints,
    invalid,
    node,
    peer,
    planned,
    pool,
    secret,
    service,
    service_cidr,
)

MAIN = pool("main", "198.51.100.0/24", day=1)
TOR = peer(day=1)
ROUTER = "203.0.113.1"


@dataclass(frozen=True, slots=True)
class Case:
    """Objects, and what of them is invalid: kind, name and field, each with a part of its sentence."""

    id: str
    objects: list[Object]
    wrong: dict[str, str]


def with_key(**more: Any) -> Object:
    """Return a BGPPeer with a password."""
    return peer("key", passwordSecretRef={"name": "key"}, **more)


NO_KEY = "BGPPeer key spec.passwordSecretRef"
TAKEN = "BGPPeer b spec.peerAddress"
LENGTH, LENGTH_6 = (f"BGPAdvertisement all spec.aggregationLength{six}" for six in ("", "V6"))

CASES = [
    Case("all-is-well", [MAIN, TOR, advertisement(), node()], {}),
    Case("nothing-at-all", [], {}),
    Case(
        "every-mistake-is-told",
        [peer("p", myASN=0, peerAddress="x", holdTime=1)],
        {
            "BGPPeer p spec.myASN": "greater than or equal to 1",
            "BGPPeer p spec.peerAddress": "'x' is not an IP address",
            "BGPPeer p spec.holdTime": "3 to 65535",
        },
    ),
    Case(
        "empty-specs",
        [pool("p") | {"spec": None}, peer() | {"spec": {}}, advertisement() | {"spec": None}],
        {
            "IPAddressPool p spec.addresses": "required",
            "BGPPeer tor spec.myASN": "set either myASN or myASNFrom",
            "BGPPeer tor spec.peerASN": "set either peerASN or peerASNFrom",
            "BGPPeer tor spec.peerAddress": "set either peerAddress or peerAddressFrom",
        },
    ),
    Case("spec-of-another-shape", [pool("p") | {"spec": [1]}], {"IPAddressPool p spec": "must be an object"}),
    Case(
        "metadata-of-another-shape",
        [pool("p", "198.51.100.0/24") | {"metadata": {"name": "p", "labels": ["a"]}}],
        {"IPAddressPool p spec": "is no map"},
    ),
    Case(
        "the-later-pool-stands-aside",
        [pool("a", "198.51.100.128-198.51.101.3", day=2), MAIN],
        {"IPAddressPool a spec.addresses": "overlaps 198.51.100.0-198.51.100.255 of the older IPAddressPool main"},
    ),
    Case(
        "of-one-moment-the-later-by-name",
        [pool("b", "2001:db8::/64"), pool("a", "2001:db8::1/128")],
        {"IPAddressPool b spec.addresses": "of the older IPAddressPool a"},
    ),
    Case(
        "who-stands-aside-is-in-nobody's-way",
        [MAIN, pool("b", "198.51.100.255-198.51.101.9", day=2), pool("c", "198.51.101.0/24", day=3)],
        {"IPAddressPool b spec.addresses": "of the older IPAddressPool main"},
    ),
    Case(
        "a-pool-in-the-cluster's-own-service-range",
        [
            pool("a", "10.96.255.0-10.97.0.9"),
            pool("six", "fd00:96::/96"),
            service_cidr("10.96.0.0/16", "fd00:96::/112"),
        ],
        {
            "IPAddressPool a spec.addresses": "contains 10.96.0.0-10.96.255.255, the ClusterIPs of ServiceCIDR",
            "IPAddressPool six spec.addresses": "of ServiceCIDR kubernetes",
        },
    ),
    Case("beside-the-service-range", [MAIN, service_cidr("198.51.101.0/24", "2001:db8::/112")], {}),
    Case(
        "an-invalid-pool-is-in-nobody's-way",
        [pool("a", "198.51.100.0/24", "x", day=1), pool("b", "198.51.100.0/24", day=2)],
        {"IPAddressPool a spec.addresses[1]": "'x'"},
    ),
    Case("pools-side-by-side", [pool("a", "198.51.100.0/25"), pool("b", "198.51.100.128/25", "2001:db8::/64")], {}),
    Case(
        "pool-with-nodes",
        [MAIN, node("n2", "198.51.100.9"), node("n1", external=["198.51.100.8"])],
        {"IPAddressPool main spec.addresses": "198.51.100.9 is the address of node n2"},
    ),
    Case(
        "reservation-outside",
        [pool("p", "198.51.100.0/24", reservations=[{"address": "203.0.113.9", "namespace": "a"}])],
        {"IPAddressPool p spec.reservations[0].address": "203.0.113.9 is not an address of the pool"},
    ),
    Case("secret-missing", [with_key()], {NO_KEY: "Secret key not found in namespace exalb-system"}),
    Case(
        "secret-elsewhere", [with_key(), secret(namespace="default")], {NO_KEY: "not found in namespace exalb-system"}
    ),
    Case("secret-of-another-type", [with_key(), secret(kind="Opaque")], {NO_KEY: "is of type Opaque"}),
    Case("secret-of-no-type", [with_key(), secret(kind=None)], {NO_KEY: "is of type Opaque"}),
    Case("secret-without-password", [with_key(), secret(password=None)], {NO_KEY: "has no password"}),
    Case("secret-empty", [with_key(), secret(password="")], {NO_KEY: "has no password"}),
    Case("secret-with-a-line-break", [with_key(), secret(password="s3cret\n")], {NO_KEY: "line break"}),
    Case("secret-too-long", [with_key(), secret(password="x" * 81)], {NO_KEY: "81 bytes"}),
    Case("secret-of-80-bytes", [with_key(), secret(password="x" * 80)], {}),
    Case("secret-in-base64", [with_key(), secret(password=None, data={"password": "czNjcmV0"})], {}),
    Case("secret-in-lines-of-base64", [with_key(), secret(password=None, data={"password": "czNj\ncmV0\n"})], {}),
    Case("secret-not-base64", [with_key(), secret(password=None, data={"password": "?"})], {NO_KEY: "not base64"}),
    Case("secret-not-text", [with_key(), secret(stringData={"password": 7007})], {NO_KEY: "put it in quotes"}),
    Case(
        "plain-before-base64",
        [with_key(), secret(password="s3cret", data={"password": "?"})],
        {},
    ),
    Case("peer-twice-on-a-node", [peer("a", day=1), peer("b", day=2), node()], {TAKEN: "BGPPeer a has a session with"}),
    Case("peer-twice-by-name", [peer("b"), peer("a"), node("n2"), node("n1")], {TAKEN: "from node n1"}),
    Case("peer-twice-on-two-ports", [peer("a"), peer("b", peerPort=1179), node()], {TAKEN: "can have only one"}),
    Case("peer-twice-without-nodes", [peer("a"), peer("b")], {}),
    Case(
        "peer-twice-on-two-nodes",
        [
            peer("a", nodeSelectors=[{"matchLabels": {"rack": "1"}}]),
            peer("b", nodeSelectors=[{"matchLabels": {"rack": "2"}}]),
            node("n1", rack="1"),
            node("n2", rack="2"),
        ],
        {},
    ),
    Case(
        "an-invalid-peer-takes-no-address",
        [peer("a", day=1, myASN=0), peer("b", day=2), node()],
        {"BGPPeer a spec.myASN": "greater"},
    ),
    Case(
        "a-peer-without-its-secret-takes-no-address",
        [peer("a", day=1, passwordSecretRef={"name": "x"}), peer("b", day=2), node()],
        {"BGPPeer a spec.passwordSecretRef": "Secret x"},
    ),
    Case(
        "peer-is-a-node",
        [TOR, node("n1", "10.77.0.11"), node("n2", external=[ROUTER])],
        {"BGPPeer tor spec.peerAddress": "node n2 has the address 203.0.113.1 itself"},
    ),
    Case(
        "unknown-names",
        [MAIN, TOR, advertisement(ipAddressPools=["main", "mian"], peers=["tor", "rot"])],
        {
            "BGPAdvertisement all spec.ipAddressPools": "IPAddressPool mian not found",
            "BGPAdvertisement all spec.peers": "BGPPeer rot not found",
        },
    ),
    Case(
        "names-of-what-is-out-of-force-are-known",
        [pool("main", "x"), peer(myASN=0), advertisement(ipAddressPools=["main"], peers=["tor"])],
        {"IPAddressPool main spec.addresses[0]": "'x'", "BGPPeer tor spec.myASN": "greater"},
    ),
    Case(
        "unknown-community",
        [MAIN, advertisement(communities=["customer", "no-export", "1:1"]), community(other="1:1")],
        {"BGPAdvertisement all spec.communities": "no Community gives no-export a value: write NO_EXPORT"},
    ),
    Case(
        "a-name-out-of-force-is-unknown",
        [MAIN, advertisement(communities=["customer"]), community(customer="70000:1")],
        {
            "BGPAdvertisement all spec.communities": "no Community gives customer a value: add it to one, or write",
            "Community names spec.communities[0].value": "70000 does not fit into 16 bits",
        },
    ),
    Case("known-communities", [MAIN, advertisement(communities=["a", "b"]), community(a="1:1", b="large:1:2:3")], {}),
    Case(
        "a-name-of-two-meanings",
        [community("y", day=2, a="1:1", b="1:2"), community("x", day=3, a="1:1"), community("z", day=1, b="1:3")],
        {"Community y spec.communities[1].name": "b is already 1:3 in the older Community z"},
    ),
    Case(
        "aggregate-wider-than-the-pool",
        [pool("p", "198.51.100.0/28"), advertisement(aggregationLength=24)],
        {LENGTH: "198.51.100.0/24 reaches beyond 198.51.100.0-198.51.100.15 of pool p"},
    ),
    Case(
        "aggregate-partly-outside",
        [pool("p", "198.51.100.0/24", "203.0.113.8-203.0.113.9"), advertisement(aggregationLength=28)],
        {LENGTH: "203.0.113.0/28 reaches beyond 203.0.113.8-203.0.113.9"},
    ),
    Case("aggregate-of-ipv6", [pool("p", "2001:db8::/64"), advertisement(aggregationLengthV6=48)], {LENGTH_6: "/48"}),
    Case("aggregate-as-wide-as-the-pool", [MAIN, advertisement(aggregationLength=24)], {}),
    Case(
        "aggregate-over-parts-that-touch",
        [pool("p", "198.51.100.0/25", "198.51.100.128-198.51.100.255"), advertisement(aggregationLength=24)],
        {},
    ),
    Case(
        "aggregate-of-another-pool",
        [MAIN, pool("p", "203.0.113.0/28"), advertisement(aggregationLength=24, ipAddressPools=["main"])],
        {},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_validity(case: Case) -> None:
    for objects in (case.objects, case.objects[::-1]):
        found = invalid(*objects)
        assert found.keys() == case.wrong.keys()
        assert not [(field, found[field]) for field, says in case.wrong.items() if says not in found[field]]


def test_no_sentence_shows_a_password() -> None:
    for kept in ({"stringData": {"password": 70077007}}, {"data": {"password": "70077007?"}}):
        assert "70077007" not in str(planned(with_key(), secret(password=None, **kept), node()))


LOCAL_POOL = pool("pool", "198.51.100.7/32")
WEB = [LOCAL_POOL, TOR, node(), service(), endpoints()]


def told(*objects: Object) -> list[str]:
    """Return what n1 tells."""
    return [route["prefix"] for session in planned(*objects)["nodes"][0]["sessions"] for route in session["routes"]]


@pytest.mark.parametrize(
    ("more", "routes"),
    [
        pytest.param([], ["198.51.100.7/32"], id="no-advertisement-is-everything-to-everyone"),
        pytest.param([advertisement(localPref=-1)], [], id="an-invalid-only-advertisement-opens-nothing"),
        pytest.param(
            [advertisement() | {"metadata": {"name": "x", "labels": 7}}], [], id="nor-one-that-cannot-be-read-at-all"
        ),
        pytest.param(
            [advertisement(localPref=-1), advertisement("b")], ["198.51.100.7/32"], id="an-invalid-one-is-out-alone"
        ),
        pytest.param([advertisement(ipAddressPools=["x"])], [], id="none-but-unknown-pools-selects-nothing"),
        pytest.param([advertisement(peers=["x"])], [], id="none-but-unknown-peers-selects-nobody"),
        pytest.param(
            [advertisement(ipAddressPools=["x", "pool"], peers=["x", "tor"])],
            ["198.51.100.7/32"],
            id="goes-on-with-the-known-names",
        ),
    ],
)
def test_what_is_invalid_opens_nothing(more: list[Object], routes: list[str]) -> None:
    assert told(*WEB, *more) == routes
