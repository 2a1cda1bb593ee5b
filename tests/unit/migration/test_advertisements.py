"""Each field of MetalLB's BGPAdvertisement and Community, and the kinds that have no counterpart."""

from typing import Any

import pytest

from tests.support.metallb import levels, metallb, metallb_advertisement, metallb_pool, migrated, spec_of
from tests.support.objects import Object, service

LOST, DIFFERS = "not migrated", "differs"
NAMES = metallb(
    "Community",
    "names",
    communities=[{"name": "customer", "value": "64512:1"}, {"name": "with space", "value": "large:1:2:3"}],
)
FIELDS: list[tuple[str, dict[str, Any], dict[str, Any] | None, dict[str, str]]] = [
    ("empty", {}, {}, {}),
    ("host routes", {"aggregationLength": 32, "aggregationLengthV6": 128}, {}, {}),
    (
        "aggregates",
        {"aggregationLength": 24, "aggregationLengthV6": 64},
        {"aggregationLength": 24, "aggregationLengthV6": 64},
        {},
    ),
    ("too long", {"aggregationLength": 33}, None, {"spec.aggregationLength": LOST}),
    ("too short", {"aggregationLengthV6": 0}, None, {"spec.aggregationLengthV6": LOST}),
    ("localPref", {"localPref": 100}, {"localPref": 100}, {}),
    ("unset localPref", {"localPref": 0}, {}, {}),
    ("negative localPref", {"localPref": -1}, None, {"spec.localPref": LOST}),
    ("pools", {"ipAddressPools": ["a", "b", "a"]}, {"ipAddressPools": ["a", "b"]}, {}),
    ("peers", {"peers": ["a"]}, {"peers": ["a"]}, {}),
    *(
        (field, {field: [{"matchLabels": {"a": "b"}}]}, {field: [{"matchLabels": {"a": "b"}}]}, {})
        for field in ("ipAddressPoolSelectors", "nodeSelectors", "serviceSelectors")
    ),
    ("communities", {"communities": ["1:2", "large:1:2:3"]}, {"communities": ["1:2", "large:1:2:3"]}, {}),
    ("name", {"communities": ["customer"]}, {"communities": ["customer"]}, {}),
    ("unusable name", {"communities": ["with space"]}, {"communities": ["large:1:2:3"]}, {}),
    ("unknown name", {"communities": ["other"]}, {"communities": ["other"]}, {"spec.communities": LOST}),
    ("wrong community", {"communities": ["1:2:3"]}, None, {"spec.communities[0]": LOST}),
    ("unknown field", {"surprise": 1}, {}, {"spec.surprise": LOST}),
]


@pytest.mark.parametrize(("given", "made", "notes"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
def test_field(given: dict[str, Any], made: dict[str, Any] | None, notes: dict[str, str]) -> None:
    migration = migrated(metallb_advertisement(**given), NAMES)
    assert spec_of(migration, "BGPAdvertisement", "all") == made
    assert levels(migration) == {"spec.communities[1].name": DIFFERS, **notes}


@pytest.mark.parametrize(
    ("name", "value", "written", "notes"),
    [
        ("a", "1:2", [{"name": "a", "value": "1:2"}], {}),
        ("NO_EXPORT", "65535:65281", [{"name": "NO_EXPORT", "value": "65535:65281"}], {}),
        ("NO_EXPORT", "1:2", None, {"spec.communities[0].name": DIFFERS}),
        ("", "1:2", None, {"spec.communities[0].name": DIFFERS}),
        ("a", "1:70000", None, {"spec.communities[0].value": LOST}),
        ("a", "", None, {"spec.communities[0].value": LOST}),
    ],
)
def test_community(name: str, value: str, written: Any, notes: dict[str, str]) -> None:
    migration = migrated(metallb("Community", "names", communities=[{"name": name, "value": value}]))
    assert (spec_of(migration, "Community", "names") or {}).get("communities") == written
    assert levels(migration) == notes


def test_name_with_two_values_is_noted() -> None:
    two = [{"name": "a", "value": "1:2"}, {"name": "a", "value": "1:3"}]
    migration = migrated(metallb("Community", "names", communities=two))
    assert spec_of(migration, "Community", "names") == {"communities": two[:1]}
    assert levels(migration) == {"spec.communities[1].name": LOST}


def config_map(name: str, **data: str) -> Object:
    """Return a ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def frr(name: str) -> Object:
    """Return an FRRConfiguration."""
    return {"apiVersion": "frrk8s.metallb.io/v1beta1", "kind": "FRRConfiguration", "metadata": {"name": name}}


@pytest.mark.parametrize(
    ("raw", "level"),
    [
        (metallb("BFDProfile", "fast"), "note"),
        (metallb("AddressPool", "old"), LOST),
        (metallb("Later", "new"), LOST),
        (metallb("ServiceBGPStatus", "x"), None),
        (metallb("ServiceL2Status", "x"), None),
        ({**metallb("ConfigurationState", "x"), "status": {"result": "Valid"}}, None),
        ({**metallb("ConfigurationState", "x"), "status": {"result": "Invalid"}}, DIFFERS),
        (frr("mine"), LOST),
        (frr("metallb-n1"), None),
        (config_map("config", config="peers: []"), LOST),
        (config_map("config", config="other: program"), None),
        (config_map("bgpextras", extras="x"), LOST),
    ],
)
def test_other_kinds(raw: Object, level: str | None) -> None:
    migration = migrated(raw)
    assert not migration.objects
    assert {note.level.value for note in migration.notes} == ({level} if level else set())


@pytest.mark.parametrize(
    ("held", "given", "noted"),
    [
        (["198.51.100.1"], "metallb.io/metallb", True),
        (["198.51.100.1"], "exalb.io/bgp", False),
        (["198.51.100.1"], None, False),
        (["203.0.113.1"], "metallb.io/metallb", False),
        ([], "metallb.io/metallb", False),
    ],
)
def test_service_of_another_class_is_noted(held: list[str], given: str | None, noted: bool) -> None:
    services = [service("a/web", *held, **({"loadBalancerClass": given} if given else {}))]
    migration = migrated(metallb_pool(), services=services)
    assert ("spec.loadBalancerClass" in levels(migration)) is noted
