"""What a peer takes from its template, and what becomes of it where that is not there or will not do."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.objects import Object, invalid, node, peer, planned, secret

ASNS = {"nodeAnnotation": "asn"}
BASE = peer("base", nodeSelectors=[{"matchLabels": {"none": "x"}}])
NODE = node("n1", "10.77.0.11", annotations={"asn": "64700"})


def like(name: str = "tor", template: str = "base", **spec: Any) -> Object:
    """Return a BGPPeer that says no more than this."""
    made = peer(name)
    return made | {"spec": {"template": template, "peerAddress": "203.0.113.2", **spec}}


@dataclass(frozen=True, slots=True)
class Case:
    """Objects, the session that n1 has with `tor`, and what is invalid."""

    id: str
    objects: list[Object]
    session: str | None
    wrong: dict[str, str]


CASES = [
    Case("the-rest-is-taken", [BASE, like()], "64512 203.0.113.2 64513", {}),
    Case("what-is-set-stays", [BASE, like(peerASN=64600)], "64512 203.0.113.2 64600", {}),
    Case(
        "so-does-a-no",
        [peer("base", ttlSecurity=True), like(ttlSecurity=False, ebgpMultiHop=True)],
        "64512 203.0.113.2 64513",
        {},
    ),
    Case("of-two-ways-the-peer's-own", [BASE, like(myASNFrom=ASNS)], "64700 203.0.113.2 64513", {}),
    Case("of-two-others-too", [BASE, like(peerASNFrom=ASNS)], "64512 203.0.113.2 64700", {}),
    Case(
        "a-template-out-of-force-for-another-reason-will-do",
        [peer("base", day=2), peer("first", day=1), like()],
        "64512 203.0.113.2 64513",
        {"BGPPeer base spec.peerAddress": "BGPPeer first has a session"},
    ),
    Case(
        "no-such-template",
        [like(template="bsae")],
        None,
        {"BGPPeer tor spec.template": "BGPPeer bsae not found"},
    ),
    Case(
        "an-invalid-template",
        [peer("base", holdTime=1), like()],
        None,
        {"BGPPeer base spec.holdTime": "3 to 65535", "BGPPeer tor spec.template": "BGPPeer base breaks a rule"},
    ),
    Case(
        "a-template-of-a-template",
        [BASE, like("mid"), like(template="mid", peerAddress="203.0.113.3")],
        None,
        {"BGPPeer tor spec.template": "BGPPeer mid has a template itself: name base"},
    ),
    Case("itself", [like(template="tor")], None, {"BGPPeer tor spec.template": "names the peer itself: leave it out"}),
    Case(
        "together-they-do-not-fit",
        [peer("base", ttlSecurity=True), like(ebgpMultiHop=True)],
        None,
        {"BGPPeer tor spec.ttlSecurity": "together with BGPPeer base, is for directly connected peers"},
    ),
    Case(
        "an-own-link-local-router-through-the-template's-interface",
        [peer("base", day=1, sourceInterface="eth0"), like(peerAddress="fe80::1")],
        "64512 fe80::1 64513",
        {},
    ),
    Case(
        "a-link-local-router-through-nothing",
        [BASE, like(peerAddress="fe80::1")],
        None,
        {"BGPPeer tor spec.peerAddress": "together with BGPPeer base, is link-local"},
    ),
    Case(
        "the-secret-is-taken",
        [peer("base", passwordSecretRef={"name": "key"}), like()],
        None,
        {
            "BGPPeer base spec.passwordSecretRef": "Secret key not found",
            "BGPPeer tor spec.passwordSecretRef": "Secret key not found",
        },
    ),
    Case(
        "the-secret-is-used",
        [peer("base", passwordSecretRef={"name": "key"}), like(), secret("key")],
        "64512 203.0.113.2 64513",
        {},
    ),
]


@pytest.mark.parametrize("row", CASES, ids=lambda row: row.id)
def test_templates(row: Case) -> None:
    for objects in ([*row.objects, NODE], [NODE, *row.objects[::-1]]):
        found = {one["peer"]: one for one in planned(*objects)["nodes"][0]["sessions"]}.get("tor")
        said = found and f"{found['localASN']} {found['peerAddress']} {found['peerASN']}"
        assert said == row.session
        wrong = invalid(*objects)
        assert wrong.keys() == row.wrong.keys()
        assert not [(field, wrong[field]) for field, says in row.wrong.items() if says not in wrong[field]]
