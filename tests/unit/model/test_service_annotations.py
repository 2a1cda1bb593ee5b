"""What a Service asks for in its annotations; what comes of it is in the tables of choice and advertising."""

import re

import pytest

from exalb.api.community_values import WELL_KNOWN
from exalb.api.reasons import Reason
from exalb.model.cluster import AttributeOverrides, Request
from exalb.model.service_annotations import parse_request
from exalb_bgp.rib import Community, ExtendedCommunity, ExtendedKind, LargeCommunity


def asked(**annotations: str) -> Request:
    """Read annotations of ExaLB."""
    return parse_request({f"exalb.io/{key.replace('_', '-')}": value for key, value in annotations.items()}, "")


def overrides(**annotations: str) -> AttributeOverrides:
    """Read annotations that override attributes."""
    found = asked(**annotations).overrides
    assert found
    return found


KNOWN = [
    f"exalb.io/{name}"
    for name in ("addresses", "pool", "sharing-key", "sharing-namespaces", "communities", "local-pref", "med")
] + ["exalb.io/as-path-prepend"]


def annotations_in(message: str) -> list[str]:
    """Return the annotations that a message names, in its order."""
    return re.findall(r"[a-z.]+/[A-Za-z0-9-]+", message)


def test_annotations_of_others_request_nothing() -> None:
    others = ("kubectl.kubernetes.io/x", "www.exalb.io/pool", "exalb.iot/pool", "metallb.io/other", "addresses")
    assert parse_request(dict.fromkeys(others, "y"), "") == Request()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("adresses", "addresses"),
        ("address", "addresses"),
        ("Pool", "pool"),
        ("address-pool", "pool"),
        ("loadBalancerIPs", "addresses"),
        ("allow-shared-ip", "sharing-key"),
        ("shared-key", "sharing-key"),
        ("community", "communities"),
        ("localpref", "local-pref"),
        ("prepend", "as-path-prepend"),
        ("MED", "med"),
    ],
)
def test_misspelt_annotation_is_reported_with_the_right_name(name: str, meant: str) -> None:
    (remark,) = parse_request({f"exalb.io/{name}": "1", "exalb.io/addresses": "198.51.100.1"}, "").remarks
    assert remark.reason is Reason.UNKNOWN_ANNOTATION
    assert annotations_in(remark.message) == [f"exalb.io/{name}", f"exalb.io/{meant}"]


@pytest.mark.parametrize("prefix", ["metallb.io", "metallb.universe.tf"])
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("loadBalancerIP", "loadBalancerIPs"),
        ("load-balancer-ips", "loadBalancerIPs"),
        ("addresspool", "address-pool"),
        ("allow-shared-ips", "allow-shared-ip"),
    ],
)
def test_misspelt_annotation_of_metallb_is_reported(prefix: str, name: str, meant: str) -> None:
    (remark,) = parse_request({f"{prefix}/{name}": "198.51.100.20"}, "").remarks
    assert remark.reason is Reason.UNKNOWN_ANNOTATION
    assert annotations_in(remark.message) == [f"{prefix}/{name}", f"{prefix}/{meant}"]


@pytest.mark.parametrize("name", ["ip-allocated-from-pool", "loadBalancerIPs", "address-pool", "allow-shared-ip", "x"])
def test_annotation_of_metallb_is_not_reported(name: str) -> None:
    assert parse_request({f"metallb.io/{name}": "198.51.100.20"}, "").remarks == ()


@pytest.mark.parametrize(
    ("name", "controller", "ours"),
    [
        ("lbipam.cilium.io/ips", "Cilium", "exalb.io/addresses"),
        ("lbipam.cilium.io/sharing-cross-namespace", "Cilium", "exalb.io/sharing-namespaces"),
        ("kube-vip.io/loadbalancerIPs", "kube-vip", "exalb.io/addresses"),
        ("purelb.io/service-group", "PureLB", "exalb.io/pool"),
    ],
)
def test_annotation_of_another_controller_is_reported(name: str, controller: str, ours: str) -> None:
    request = parse_request({name: "198.51.100.20"}, "")
    (remark,) = request.remarks
    assert (request.addresses, request.pool, request.problem) == ((), None, None)
    assert remark.reason is Reason.UNKNOWN_ANNOTATION
    assert all(word in remark.message for word in (name, controller, ours))


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "127.0.0.1", "169.254.1.1", "fe80::1", "224.0.0.5", "255.255.255.255"]
)
def test_address_that_no_service_can_have_is_refused(address: str) -> None:
    for request in (parse_request({}, address), parse_request({"metallb.io/loadBalancerIPs": address}, "")):
        assert request.problem
        assert request.problem.reason is Reason.INVALID_REQUEST
        assert address in request.problem.message
        assert "add it" not in request.problem.message


def test_unknown_annotation_is_reported_with_all_known_ones() -> None:
    (remark,) = asked(color="red").remarks
    assert annotations_in(remark.message) == ["exalb.io/color", *KNOWN]


def test_first_unknown_annotations_are_reported() -> None:
    remarks = asked(**{f"x{number}": "1" for number in range(9)}).remarks
    assert [remark.message.split()[2] for remark in remarks[:-1]] == [f"exalb.io/x{n}:" for n in range(5)]
    assert "4 more" in remarks[-1].message


def test_remark_changes_no_request() -> None:
    found = asked(addresses="198.51.100.1", adresses="198.51.100.2", med="much")
    assert (len(found.addresses), found.problem) == (1, None)
    assert [remark.reason for remark in found.remarks] == [Reason.UNKNOWN_ANNOTATION, Reason.INVALID_REQUEST]
    assert annotations_in(found.remarks[1].message) == ["exalb.io/med"]
    assert "'much'" in found.remarks[1].message


def test_all_requests() -> None:
    found = asked(addresses=" 2001:db8::1 ,198.51.100.1", pool=" main ", sharing_key=" k ", med="5")
    assert [str(address) for address in found.addresses] == ["198.51.100.1", "2001:db8::1"]
    assert (found.pool, found.sharing_key, found.problem) == ("main", "k", None)
    assert found.overrides == AttributeOverrides(med=5)


def test_communities_of_every_kind() -> None:
    found = overrides(communities="1:2, large:1:2:3,target:1:70000 ,origin:1:2,NO_EXPORT,,name-of-one")
    assert found.communities == (
        Community(1, 2),
        LargeCommunity(1, 2, 3),
        ExtendedCommunity(ExtendedKind.ROUTE_TARGET, 1, 70000),
        ExtendedCommunity(ExtendedKind.ROUTE_ORIGIN, 1, 2),
        Community(65535, 65281),
        "name-of-one",
    )


def test_empty_communities_override() -> None:
    assert overrides(communities="").communities == ()
    assert overrides(med="1").communities is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("med", value) for value in ("", "x", "-1", "1.5", "4294967296", "٣", "1 2", "9" * 50)),
        ("local_pref", "4294967296"),
        ("as_path_prepend", "17"),
        *(
            ("communities", value)
            for value in ("1:65536", "65536:1", "large:1:2", "target:70000:1", "a b", "1:2:3", "!")
        ),
    ],
)
def test_overrides_that_cannot_be_read_name_the_annotation(name: str, value: str) -> None:
    problem = overrides(**{name: value}).problem
    assert problem
    assert problem.startswith(f"exalb.io/{name.replace('_', '-')}: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [("med", "0"), ("med", " 4294967295 "), ("local_pref", "4294967295"), ("as_path_prepend", "16")],
)
def test_overrides_at_their_limits(name: str, value: str) -> None:
    assert getattr(overrides(**{name: value}), name) == int(value)


def test_unreadable_request_leaves_the_others() -> None:
    found = asked(addresses="x", pool="main", sharing_key="k", med="5")
    assert found.problem
    assert (found.addresses, found.pool, found.sharing_key) == ((), "main", "k")
    assert found.overrides == AttributeOverrides(med=5)


def test_well_known_communities_have_their_registered_numbers() -> None:
    assert {name: str(value) for name, value in WELL_KNOWN.items()} == {
        "GRACEFUL_SHUTDOWN": "65535:0",
        "ACCEPT_OWN": "65535:1",
        "LLGR_STALE": "65535:6",
        "NO_LLGR": "65535:7",
        "BLACKHOLE": "65535:666",
        "NO_EXPORT": "65535:65281",
        "NO_ADVERTISE": "65535:65282",
        "NO_EXPORT_SUBCONFED": "65535:65283",
        "NOPEER": "65535:65284",
        "NO_PEER": "65535:65284",
    }
