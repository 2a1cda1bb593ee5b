"""What a Service asks for in its annotations; what comes of it is in the tables of choice and advertising."""

import pytest

from exalb.cluster import AttributeOverrides, Request
from exalb.communities import WELL_KNOWN
from exalb.reasons import Reason
from exalb.requests import parse_request
from exalb_bgp.rib import Community, ExtendedCommunity, ExtendedKind, LargeCommunity


def asked(**annotations: str) -> Request:
    """Read annotations of ExaLB."""
    return parse_request({f"exalb.io/{key.replace('_', '-')}": value for key, value in annotations.items()}, "")


def overrides(**annotations: str) -> AttributeOverrides:
    """Read annotations that override attributes."""
    found = asked(**annotations).overrides
    assert found
    return found


def test_nothing_asked() -> None:
    others = ("kubectl.kubernetes.io/x", "www.exalb.io/pool", "exalb.iot/pool", "metallb.io/other", "addresses")
    assert parse_request(dict.fromkeys(others, "y"), "") == Request()


NO_ANNOTATION = "is no annotation that ExaLB reads"


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
def test_a_misspelt_annotation_is_told_with_the_one_that_was_meant(name: str, meant: str) -> None:
    (remark,) = parse_request({f"exalb.io/{name}": "1", "exalb.io/addresses": "198.51.100.1"}, "").remarks
    assert remark.reason is Reason.UNKNOWN_ANNOTATION
    assert remark.message == f"exalb.io/{name} {NO_ANNOTATION}: did you mean exalb.io/{meant}?"


def test_an_annotation_like_no_other_is_told_with_all_that_there_are() -> None:
    (remark,) = asked(colour="red").remarks
    assert remark.message.startswith(f"exalb.io/colour {NO_ANNOTATION}: it reads exalb.io/addresses, exalb.io/pool, ")


def test_of_many_unknown_annotations_the_first_are_told() -> None:
    remarks = asked(**{f"x{number}": "1" for number in range(9)}).remarks
    assert [remark.message.split()[0] for remark in remarks] == [*(f"exalb.io/x{n}" for n in range(5)), "and"]
    assert remarks[-1].message == "and 4 more annotations are none that ExaLB reads"


def test_what_is_remarked_takes_nothing_away() -> None:
    found = asked(addresses="198.51.100.1", adresses="198.51.100.2", med="much")
    assert (len(found.addresses), found.problem) == (1, None)
    assert [remark.reason for remark in found.remarks] == [Reason.UNKNOWN_ANNOTATION, Reason.INVALID_REQUEST]
    assert found.remarks[1].message == "exalb.io/med: 'much' is not a number from 0 to 4294967295"


def test_everything_asked() -> None:
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


def test_no_communities_are_an_opinion_too() -> None:
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


def test_one_typo_leaves_the_other_wishes_as_they_are() -> None:
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
