"""What the web page shows of a cluster."""

import json

import pytest

from exalb.web.view import overview
from tests.support.objects import Object, assigned_service, condition, endpoints, l2_speaker, node, peer, pool, service
from tests.support.observing import SINCE, down, observed, session, speaker

BASE = [pool("main", "198.51.100.0/29"), peer("tor"), node("n1"), node("n2"), endpoints("web")]
UP = [speaker("n1", session()), speaker("n2", session())]


def web(*said: str) -> Object:
    """Return the Service with an address, and the condition that says whether it is announced."""
    raw = assigned_service("default/web", "198.51.100.1")
    if said:
        raw["status"]["conditions"].append(condition("exalb.io/Announced", *said))
    return raw


@pytest.mark.parametrize(
    ("raw", "good", "reason", "addresses"),
    [
        (web("True", "Announced", "by 2 nodes"), True, "Announced", ["198.51.100.1"]),
        (web("False", "NotAnnounced", "by none"), False, "NotAnnounced", ["198.51.100.1"]),
        (web(), None, "", ["198.51.100.1"]),
        (service("default/web", annotations={"exalb.io/pool": "absent"}), False, "PoolNotFound", []),
    ],
)
def test_service_has_its_state(raw: Object, good: bool | None, reason: str, addresses: list[str]) -> None:
    (row,) = overview(observed(*BASE, *UP, raw))["services"]
    assert (row["name"], row["good"], row["reason"], row["addresses"]) == ("default/web", good, reason, addresses)


def test_overview_has_sessions_pools_and_problems() -> None:
    found = overview(observed(*BASE, web(), speaker("n1", session()), speaker("n2", down())))
    assert [(row["node"], row["peer"], row["isGood"]) for row in found["peers"]] == [
        ("n1", "tor", True),
        ("n2", "tor", False),
    ]
    assert found["pools"] == [{"pool": "main", "family": "IPv4", "use": "1 of 8", "share": 0.125}]
    assert found["status"]["problems"]
    assert not found["status"]["good"]


def test_overview_has_drains_and_lans_of_nodes() -> None:
    """In a row of each node; a node without either has none."""
    drain = {"state": "Withdrawn", "cause": "Annotation", "since": SINCE}
    lan = l2_speaker("n2", "10.0.0.2/24", l2={"addresses": 1, "since": SINCE})
    silent = l2_speaker("n3", l2={"connected": False})
    waits = speaker("n5", session(), drain={**drain, "undone": True})
    found = overview(observed(*BASE, speaker("n1", session(), drain=drain), lan, silent, speaker("n4"), waits))
    assert [(row["node"], row["drain"], row["lan"]) for row in found["nodes"]] == [
        ("n1", f"Withdrawn since {SINCE} (Annotation)", None),
        ("n2", None, f"announces 1 address on eth0 since {SINCE} or earlier"),
        ("n3", None, "the L2 process does not answer"),
        ("n4", None, None),
        ("n5", f"Withdrawn since {SINCE} (Annotation), undone: it waits for kube-proxy", None),
    ]


def test_overview_of_nothing_is_json() -> None:
    assert json.loads(json.dumps(overview(observed())))["services"] == []
