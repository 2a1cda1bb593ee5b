"""The statuses of pools, advertisements and communities, and the events about Services and specs."""

from typing import Any

import pytest

from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from exalb.model.kinds import CONFIGURATION, Kind
from exalb.model.patches import Changes
from tests.support.bad_specs import BAD
from tests.support.decisions import changes_of
from tests.support.objects import (
    Object,
    advertisement,
    assigned,
    community,
    endpoints,
    made,
    node,
    pool,
    service,
    wants,
)


def changes(*objects: Object) -> Changes:
    """Return what the controller writes."""
    cluster, _ = snapshot_of(objects, "exalb-system")
    return changes_of(cluster, made(9))


def status(kind: str, *objects: Object) -> dict[str, Any]:
    """Return the status that the one object of a kind is given."""
    (write,) = (write for write in changes(*objects).writes if write.kind == kind)
    return dict(write.body["status"])


def condition(kind: str, name: str, *objects: Object) -> tuple[str, str, str]:
    """Return status, reason and message of a condition."""
    (found,) = (row for row in status(kind, *objects)["conditions"] if row["type"] == name)
    return found["status"], found["reason"], found["message"]


@pytest.mark.parametrize(
    ("given", "usage", "ipv4"),
    [
        pytest.param([], "0/256", (256, 0, 256), id="empty"),
        pytest.param([service()], "1/256", (256, 1, 255), id="one-assigned"),
        pytest.param([node("n1", "198.51.100.9")], "0/255", (255, 0, 255), id="without-a-nodes-address"),
    ],
)
def test_pool_usage_is_assigned_of_all(given: list[Object], usage: str, ipv4: Any) -> None:
    found = status("IPAddressPool", pool("main", "198.51.100.0/24"), *given)
    assert found["usage"] == usage
    assert tuple(found["ipv4"][key] for key in ("capacity", "assigned", "available")) == ipv4
    assert "ipv6" not in found


@pytest.mark.parametrize("kind", CONFIGURATION, ids=lambda kind: kind.name)
def test_every_kind_says_what_is_wrong_with_a_spec(kind: Kind) -> None:
    row = next(row for row in BAD if row.kind == kind.name)
    wrong = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": "x"}, "spec": row.spec}
    value, reason, message = condition(kind.name, "Ready", wrong)
    assert (value, reason) == ("False", Reason.INVALID_SPEC.value)
    assert row.field in message


def test_pool_counts_fit_int64() -> None:
    found = status("IPAddressPool", pool("main", "2001:db8::/32"))
    assert found["ipv6"] == {"capacity": (1 << 63) - 1, "assigned": 0, "available": (1 << 63) - 1}
    assert found["usage"] == "0/~2^96"
    assert "ipv4" not in found


def test_pool_counts_are_never_negative() -> None:
    shrunk = pool("main", "198.51.100.0/31", avoidBuggyIPs=True)
    found = status("IPAddressPool", shrunk, service("a", "198.51.100.0"), service("b", "198.51.100.1"))
    assert found["ipv4"] == {"capacity": 1, "assigned": 1, "available": 0}


def test_pool_capacity_leaves_out_buggy_addresses() -> None:
    found = status("IPAddressPool", pool("main", "198.51.100.0/23", "192.0.2.255/32", avoidBuggyIPs=True))
    assert found["ipv4"]["capacity"] == 508


@pytest.mark.parametrize(
    ("ranges", "cell"),
    [
        (["198.51.100.0/24"], "198.51.100.0/24"),
        (["198.51.100.0/24", "2001:db8::/64"], "198.51.100.0/24, 2001:db8::/64"),
        ([f"192.0.2.{at}/32" for at in range(5)], "192.0.2.0/32, 192.0.2.1/32, 192.0.2.2/32 and 2 more"),
    ],
)
def test_pool_addresses_are_a_list_for_people(ranges: list[str], cell: str) -> None:
    assert status("IPAddressPool", pool("main", *ranges))["addresses"] == cell


def test_invalid_pool_shows_no_addresses_and_no_usage() -> None:
    found = status("IPAddressPool", pool("main", "192.0.2.1/24"))
    assert not {"addresses", "usage", "ipv4"} & set(found)


@pytest.mark.parametrize(
    ("spec", "pools", "peers"),
    [
        pytest.param({}, "*", "*", id="everything"),
        pytest.param({"ipAddressPools": ["a", "b"], "peers": ["tor"]}, "a, b", "tor", id="names"),
        pytest.param(
            {"ipAddressPoolSelectors": [{"matchLabels": {"x": "y"}}], "peers": [*"abcd"]},
            "by labels",
            "a, b, c and 1 more",
            id="selectors",
        ),
        pytest.param(
            {
                "ipAddressPools": ["a"],
                "ipAddressPoolSelectors": [{"matchLabels": {"x": "y"}}],
                "peers": ["n" * 253] * 1,
            },
            "a, by labels",
            "n" * 253,
            id="both",
        ),
    ],
)
def test_advertisement_shows_its_selection(spec: dict[str, Any], pools: str, peers: str) -> None:
    found = status("BGPAdvertisement", advertisement(**spec))
    assert (found["pools"], found["peers"]) == (pools, peers)


def test_advertisement_shows_its_communities() -> None:
    found = status("BGPAdvertisement", advertisement(communities=["65001:1", "NO_EXPORT"]))
    assert found["communities"] == "65001:1, NO_EXPORT"


def test_selection_is_never_longer_than_its_field() -> None:
    names = [letter * 253 for letter in "abc"]
    assert len(status("BGPAdvertisement", advertisement(peers=names))["peers"]) == 512


def test_invalid_advertisement_shows_no_selection() -> None:
    found = status("BGPAdvertisement", advertisement(aggregationLength=0))
    assert not {"pools", "peers"} & set(found)


@pytest.mark.parametrize(
    ("kind", "objects", "says"),
    [
        pytest.param("IPAddressPool", [pool("p", "192.0.2.0/24")], ("True", "Accepted"), id="active"),
        pytest.param("IPAddressPool", [pool("p", "192.0.2.1/24")], ("False", "InvalidSpec"), id="invalid"),
        pytest.param("BGPAdvertisement", [advertisement(peers=["x"])], ("False", "UnknownPeer"), id="in-part"),
        pytest.param("Community", [community(a="65001:1")], ("True", "Accepted"), id="community"),
    ],
)
def test_ready_is_the_verdict_on_the_spec(kind: str, objects: list[Object], says: tuple[str, str]) -> None:
    assert condition(kind, "Ready", *objects)[:2] == says


@pytest.mark.parametrize(("count", "shown", "more"), [(2, 2, ""), (5, 5, ""), (7, 5, "; and 2 more")])
def test_ready_names_the_first_findings(count: int, shown: int, more: str) -> None:
    message = condition("BGPAdvertisement", "Ready", advertisement(peers=[*"abcdefg"[:count]]))[2]
    assert message.count("spec.peers: ") == shown
    assert message.endswith(more)


MAIN = pool("main", "198.51.100.0/31")


@pytest.mark.parametrize(
    ("mine", "kind", "reason"),
    [
        pytest.param(service(), "Normal", "Assigned", id="assigned"),
        pytest.param(service(annotations=wants(pool="x")), "Warning", "PoolNotFound", id="refused"),
        pytest.param(assigned(service("web", "192.0.2.1")), "Normal", "Assigned", id="moved"),
        pytest.param(service("web", "198.51.100.1", annotations=wants(pool="x")), "Warning", "PoolNotFound", id="kept"),
    ],
)
def test_decision_about_a_service_has_one_event(mine: Object, kind: str, reason: str) -> None:
    (event,) = (event for event in changes(MAIN, mine).events if event.kind == "Service")
    assert (event.type, event.reason) == (kind, reason)


def test_invalid_spec_has_one_event_as_long_as_it_says_the_same() -> None:
    wrong = pool("p", "192.0.2.1/24")
    (event,) = changes(wrong).events
    assert (event.kind, event.name, event.type, event.reason) == ("IPAddressPool", "p", "Warning", "InvalidSpec")
    known = {"conditions": status("IPAddressPool", wrong)["conditions"]}
    assert not changes(wrong | {"status": known | {"usage": "stale"}}).events


def test_an_address_is_released_in_the_write_that_assigns_the_next() -> None:
    (write,) = (
        write for write in changes(MAIN, assigned(service("web", "192.0.2.1"))).writes if write.kind == "Service"
    )
    assert write.body["status"]["loadBalancer"] == {"ingress": [{"ip": "198.51.100.0", "ipMode": "VIP"}]}


@pytest.mark.parametrize("held", [[], ["198.51.100.1"]], ids=["waiting", "keeping"])
def test_a_message_is_never_too_long_for_the_api_server(held: list[str]) -> None:
    """A condition's message has 32768 characters at most; annotations may have many more."""
    endless = service("web", *held, annotations=wants(pool="x" * 100_000))
    (write,) = (write for write in changes(MAIN, endless).writes if write.kind == "Service")
    found = write.body["status"]["conditions"][0]
    assert len(found["message"]) < 5000
    assert found["message"].endswith("198.51.100.1" if held else "…")


def test_only_a_difference_is_written() -> None:
    quiet = service("web", "198.51.100.0", type="ClusterIP")
    assert [write.kind for write in changes(MAIN, quiet, node(), endpoints()).writes] == ["IPAddressPool"]
