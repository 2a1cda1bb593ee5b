"""Each field of MetalLB's IPAddressPool, in ExaLB's or in a note."""

from typing import Any

import pytest

from tests.support.metallb import levels, metallb, metallb_advertisement, metallb_pool, migrated, spec_of
from tests.support.objects import Object, service

LOST, DIFFERS = "not migrated", "differs"
RANGES: list[tuple[str, str | None]] = [
    ("198.51.100.0/24", "198.51.100.0/24"),
    ("198.51.100.9/24", "198.51.100.0/24"),
    ("198.51.100.1 - 198.51.100.9", "198.51.100.1-198.51.100.9"),
    ("198.51.100.1-198.51.100.9", "198.51.100.1-198.51.100.9"),
    ("198.51.100.7/32", "198.51.100.7/32"),
    ("2001:0DB8:0::/64", "2001:db8::/64"),
    ("2001:db8::0001-2001:db8::f", "2001:db8::1-2001:db8::f"),
    ("198.51.100.7", None),
    ("198.51.100.9-198.51.100.1", None),
    ("198.51.100.9-2001:db8::1", None),
    ("169.254.0.0/24", None),
    ("", None),
    ("-", None),
    ("a/b", None),
]


@pytest.mark.parametrize(("text", "written"), RANGES)
def test_range(text: str, written: str | None) -> None:
    migration = migrated(metallb_pool("main", text, "203.0.113.0/24"))
    wanted = [*([written] if written else []), "203.0.113.0/24"]
    assert spec_of(migration, "IPAddressPool", "main") == {"addresses": wanted}
    assert levels(migration) == ({} if written else {"spec.addresses[0]": LOST})


FIELDS: list[tuple[str, dict[str, Any], dict[str, Any] | None, dict[str, str]]] = [
    ("not automatic", {"autoAssign": False}, {"autoAssign": False}, {}),
    ("automatic", {"autoAssign": True}, {}, {}),
    ("no buggy addresses", {"avoidBuggyIPs": True}, {"avoidBuggyIPs": True}, {}),
    ("empty allocation", {"serviceAllocation": {}}, {}, {}),
    ("priority", {"serviceAllocation": {"priority": 5}}, {"serviceAllocation": {"priority": 5}}, {}),
    (
        "negative priority",
        {"serviceAllocation": {"priority": -5}},
        {"serviceAllocation": {"priority": 1}},
        {"spec.serviceAllocation.priority": DIFFERS},
    ),
    (
        "namespace twice",
        {"serviceAllocation": {"namespaces": ["a", "a"]}},
        {"serviceAllocation": {"namespaces": ["a"]}},
        {},
    ),
    (
        "selectors",
        {"serviceAllocation": {"namespaceSelectors": [{}], "serviceSelectors": [{"matchLabels": {"a": "b"}}]}},
        {"serviceAllocation": {"namespaceSelectors": [{}], "serviceSelectors": [{"matchLabels": {"a": "b"}}]}},
        {},
    ),
    (
        "unreadable selector",
        {"serviceAllocation": {"serviceSelectors": [{"matchExpressions": [{"key": "a", "operator": "Like"}]}]}},
        None,
        {"spec.serviceAllocation.serviceSelectors[0].matchExpressions[0].operator": LOST},
    ),
    ("unknown field", {"surprise": 1}, {}, {"spec.surprise": LOST}),
    ("unknown field inside", {"serviceAllocation": {"x": 1}}, {}, {"spec.serviceAllocation.x": LOST}),
]


@pytest.mark.parametrize(("given", "made", "notes"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
def test_field(given: dict[str, Any], made: dict[str, Any] | None, notes: dict[str, str]) -> None:
    migration = migrated(metallb_pool(**given))
    wanted = None if made is None else {"addresses": ["198.51.100.0/24"], **made}
    assert spec_of(migration, "IPAddressPool", "main") == wanted
    assert levels(migration) == notes


def test_pool_without_addresses_is_not_written() -> None:
    migration = migrated(metallb_pool("main", "169.254.0.0/24"))
    assert not migration.objects
    assert levels(migration)["spec.addresses"] == LOST


def sharer(namespace: str, *held: str, **annotations: str) -> Object:
    """Return a Service that may share its address."""
    keys = {f"metallb.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return service(f"{namespace}/web", *held, annotations=keys)


@pytest.mark.parametrize(
    ("services", "allowed"),
    [
        ([sharer("a", "198.51.100.1", allow_shared_ip="k"), sharer("b", "198.51.100.1", allow_shared_ip="k")], True),
        (
            [
                sharer("a", "198.51.100.1", allow_shared_ip="k"),
                sharer("b", allow_shared_ip="k", loadBalancerIPs="198.51.100.1"),
            ],
            True,
        ),
        ([sharer("a", "198.51.100.1", allow_shared_ip="k"), sharer("b", "198.51.100.2", allow_shared_ip="k")], False),
        ([sharer("a", "203.0.113.1", allow_shared_ip="k"), sharer("b", "203.0.113.1", allow_shared_ip="k")], False),
        ([sharer("a", "198.51.100.1"), sharer("b", "198.51.100.1")], False),
    ],
)
def test_sharing_across_namespaces_is_allowed_where_it_is_used(services: list[Object], allowed: bool) -> None:
    migration = migrated(metallb_pool(), services=services)
    assert (spec_of(migration, "IPAddressPool", "main") or {}).get("allowCrossNamespaceSharing", False) is allowed
    assert ("spec.allowCrossNamespaceSharing" in levels(migration)) is allowed


def test_labels_of_tools_are_dropped_unless_an_advertisement_selects_by_them() -> None:
    labels = {"tier": "front", "app.kubernetes.io/instance": "argo", "app.kubernetes.io/part-of": "edge"}
    selector = {"matchExpressions": [{"key": "app.kubernetes.io/part-of", "operator": "Exists"}]}
    chosen = metallb_advertisement(ipAddressPoolSelectors=[selector])
    (pool, _) = migrated(metallb_pool(labels=labels), chosen).objects
    assert pool["metadata"]["labels"] == {"tier": "front", "app.kubernetes.io/part-of": "edge"}


@pytest.mark.parametrize(
    "bgp",
    [
        [],
        [metallb_advertisement(ipAddressPools=["other"])],
        [metallb_advertisement()],
    ],
)
def test_pool_of_layer_2_is_written_with_its_advertisement(bgp: list[Object]) -> None:
    lan = metallb("L2Advertisement", "lan", interfaces=["eth0", "eth0"], ipAddressPools=["main"])
    migration = migrated(metallb_pool(labels={"tier": "front"}), lan, *bgp)
    assert spec_of(migration, "IPAddressPool", "main") is not None
    assert spec_of(migration, "L2Advertisement", "lan") == {"interfaces": ["eth0"], "ipAddressPools": ["main"]}
    assert levels(migration) == {"": DIFFERS}
