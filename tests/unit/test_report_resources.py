"""What pools, peers and advertisements are told, and what Services hear of a change of mind."""

from typing import Any

import pytest

from exalb.allocation import allocate
from exalb.manifests import picture
from exalb.report import ControllerReporter
from exalb.writes import Changes
from tests.unit.objects import Object, advertisement, endpoints, made, node, peer, pool, service, wants


def changes(*objects: Object) -> Changes:
    """Return what the controller writes."""
    cluster, _ = picture(objects, "exalb-system")
    return ControllerReporter().changes(cluster, allocate(cluster), made(9))


def status(kind: str, *objects: Object) -> dict[str, Any]:
    """Return the status that the one object of a kind is given."""
    (write,) = (one for one in changes(*objects).writes if one.kind == kind)
    return dict(write.body["status"])


def condition(kind: str, name: str, *objects: Object) -> tuple[str, str, str]:
    """Return status, reason and message of a condition."""
    (found,) = (one for one in status(kind, *objects)["conditions"] if one["type"] == name)
    return found["status"], found["reason"], found["message"]


@pytest.mark.parametrize(
    ("given", "usage", "ipv4", "ipv6"),
    [
        pytest.param([], "0/256", (256, 0, 256), None, id="empty"),
        pytest.param([service()], "1/255", (256, 1, 255), None, id="one-given"),
        pytest.param([node("n1", "198.51.100.9")], "0/255", (255, 0, 255), None, id="a-node-has-one"),
    ],
)
def test_how_full_a_pool_is(given: list[Object], usage: str, ipv4: Any, ipv6: Any) -> None:
    found = status("IPAddressPool", pool("main", "198.51.100.0/24"), *given)
    assert found["usage"] == usage
    assert tuple(found["ipv4"][key] for key in ("capacity", "assigned", "available")) == ipv4
    assert found.get("ipv6") == ipv6


def test_counts_stay_within_what_the_api_can_tell() -> None:
    found = status("IPAddressPool", pool("main", "2001:db8::/32"))
    assert found["ipv6"] == {"capacity": (1 << 63) - 1, "assigned": 0, "available": (1 << 63) - 1}
    assert found["usage"] == "0/~2^96"
    assert "ipv4" not in found


def test_counts_are_never_negative() -> None:
    shrunk = pool("main", "198.51.100.0/31", avoidBuggyIPs=True)
    found = status("IPAddressPool", shrunk, service("a", "198.51.100.0"), service("b", "198.51.100.1"))
    assert found["ipv4"] == {"capacity": 1, "assigned": 1, "available": 0}


def test_buggy_addresses_are_not_counted() -> None:
    found = status("IPAddressPool", pool("main", "198.51.100.0/23", "192.0.2.255/32", avoidBuggyIPs=True))
    assert found["ipv4"]["capacity"] == 508


@pytest.mark.parametrize(
    ("kind", "objects", "says"),
    [
        pytest.param("IPAddressPool", [pool("p", "192.0.2.0/24")], ("True", "InEffect", ""), id="in-effect"),
        pytest.param(
            "IPAddressPool",
            [pool("p", "192.0.2.1/24")],
            ("False", "InvalidSpec", "spec.addresses[0]: '192.0.2.1/24' has host bits set: write 192.0.2.0/24"),
            id="invalid",
        ),
        pytest.param(
            "BGPAdvertisement",
            [advertisement(peers=["x", "y"])],
            (
                "False",
                "UnknownPeer",
                "; ".join(f"spec.peers: there is no BGPPeer {x}: the advertisement goes on without it" for x in "xy"),
            ),
            id="two-mistakes",
        ),
        *(
            pytest.param(
                "BGPAdvertisement",
                [advertisement(peers=[*"abcdefg"[:count]])],
                (
                    "False",
                    "UnknownPeer",
                    "; ".join(
                        f"spec.peers: there is no BGPPeer {x}: the advertisement goes on without it" for x in "abcde"
                    )
                    + more,
                ),
                id=f"{count}-mistakes",
            )
            for count, more in ((5, ""), (7, "; and 2 more"))
        ),
    ],
)
def test_what_is_said_of_a_spec(kind: str, objects: list[Object], says: tuple[str, str, str]) -> None:
    assert condition(kind, "Ready", *objects) == says


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        pytest.param([], ("False", "NoSessionWanted"), id="no-node"),
        pytest.param(["n1", "n2", "n3", "n4"], ("False", "SessionsDown"), id="four-nodes"),
    ],
)
def test_what_is_said_of_sessions(nodes: list[str], says: tuple[str, str]) -> None:
    found = condition("BGPPeer", "Established", peer(), *map(node, nodes))
    assert found[:2] == says
    assert ("and 1 more" in found[2]) == (len(nodes) == 4)


MAIN = pool("main", "198.51.100.0/31")


@pytest.mark.parametrize(
    ("mine", "kind", "reason", "message"),
    [
        pytest.param(service(), "Normal", "Assigned", "198.51.100.0 from pool main", id="given"),
        pytest.param(
            service(annotations=wants(pool="x")),
            "Warning",
            "PoolNotFound",
            "there is no IPAddressPool x: make it, or ask for another",
            id="refused",
        ),
        pytest.param(
            service("web", "192.0.2.1"),
            "Normal",
            "Assigned",
            "198.51.100.0 from pool main; gave back 192.0.2.1:"
            " 192.0.2.1 is in no pool in force: add it to an IPAddressPool, or ask for another",
            id="moved-and-why",
        ),
        pytest.param(
            service("web", "198.51.100.1", annotations=wants(pool="x")),
            "Warning",
            "PoolNotFound",
            "there is no IPAddressPool x: make it, or ask for another; keeps 198.51.100.1",
            id="kept-and-why",
        ),
    ],
)
def test_the_event_of_a_decision(mine: Object, kind: str, reason: str, message: str) -> None:
    (event,) = (one for one in changes(MAIN, mine).events if one.kind == "Service")
    assert (event.type, event.reason, event.message) == (kind, reason, message)


def test_an_address_is_released_in_the_write_that_gives_the_next() -> None:
    (write,) = (one for one in changes(MAIN, service("web", "192.0.2.1")).writes if one.kind == "Service")
    assert write.body["status"]["loadBalancer"] == {"ingress": [{"ip": "198.51.100.0", "ipMode": "VIP"}]}


@pytest.mark.parametrize("held", [[], ["198.51.100.1"]], ids=["waiting", "keeping"])
def test_a_sentence_is_never_too_long_for_the_api_server(held: list[str]) -> None:
    """A condition's message has 32768 characters at most; annotations may have many more."""
    endless = service("web", *held, annotations=wants(pool="x" * 100_000))
    (write,) = (one for one in changes(MAIN, endless).writes if one.kind == "Service")
    (found,) = write.body["status"]["conditions"]
    assert len(found["message"]) < 5000
    assert found["message"].endswith("; keeps 198.51.100.1" if held else "…")


def test_what_says_already_what_it_should_is_not_written() -> None:
    quiet = service("web", "198.51.100.0", type="ClusterIP")
    assert [one.kind for one in changes(MAIN, quiet, node(), endpoints()).writes] == ["IPAddressPool"]
