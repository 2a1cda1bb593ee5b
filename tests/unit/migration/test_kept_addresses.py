"""Services keep their addresses, by a plan over the migrated objects."""

import pytest

from exalb.api.address_ranges import AddressRange
from exalb.kube.manifests import snapshot_of
from exalb.migration.kept_addresses import kept_addresses
from tests.support.metallb import metallb_pool, migrated
from tests.support.objects import Object, peer, pool, service

SHARED = {"metallb.io/allow-shared-ip": "k"}


RANGES = (AddressRange.parse("198.51.100.0/24"), AddressRange.parse("192.0.2.0/24"))


def counted(*objects: Object) -> tuple[int, int, list[str]]:
    """Return how many Services have an address, how many keep it, and the objects of the notes."""
    cluster, _ = snapshot_of((peer(), *objects), "exalb-system")
    kept = kept_addresses(cluster, RANGES)
    return kept.services, kept.kept, [note.name for note in kept.notes]


@pytest.mark.parametrize(
    ("objects", "wanted"),
    [
        ([service("a/web", "198.51.100.9")], (1, 1, [])),
        ([service("a/web", "198.51.100.9"), service("a/new"), service("b/new")], (1, 1, [])),
        ([service("a/web", "192.0.2.9")], (1, 0, ["a/web"])),
        ([service("a/web", "203.0.113.9")], (0, 0, [])),
        ([service("a/web", "198.51.100.9", loadBalancerClass="example.com/lb")], (0, 0, [])),
        ([service("a/web", "198.51.100.9", type="ClusterIP")], (0, 0, [])),
        (
            [
                service("a/web", "198.51.100.9", annotations=SHARED, ports=[{"port": 80}]),
                service("a/tls", "198.51.100.9", annotations=SHARED, ports=[{"port": 443}]),
            ],
            (2, 2, []),
        ),
        (
            [
                service("a/web", "198.51.100.9", day=1, annotations=SHARED, ports=[{"port": 80}]),
                service("b/web", "198.51.100.9", day=2, annotations=SHARED, ports=[{"port": 443}]),
            ],
            (2, 1, ["b/web"]),
        ),
    ],
)
def test_counts(objects: list[Object], wanted: tuple[int, int, list[str]]) -> None:
    assert counted(pool("main", "198.51.100.0/24"), *objects) == wanted


def test_sharers_of_two_namespaces_keep_their_address_in_a_migrated_pool() -> None:
    services = [
        service("a/web", "198.51.100.9", annotations=SHARED, ports=[{"port": 80}]),
        service("b/web", "198.51.100.9", annotations=SHARED, ports=[{"port": 443}]),
    ]
    migration = migrated(metallb_pool(), services=services)
    assert counted(*migration.objects, *services) == (2, 2, [])


def test_invalid_objects_are_noted() -> None:
    _, _, names = counted(pool("first", "198.51.100.0/24", day=1), pool("second", "198.51.100.0/25", day=2))
    assert names == ["second"]
