"""Each field of MetalLB's BGPPeer, in ExaLB's or in a note."""

from typing import Any

import pytest

from exalb.migration.peers import LABEL, without_label
from tests.support.metallb import levels, metallb_advertisement, metallb_peer, migrated, spec_of

LOST, DIFFERS = "not migrated", "differs"
BASE = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1"}
"""Fields that each row has, and keeps."""

ROWS: list[tuple[str, dict[str, Any], dict[str, Any] | None, dict[str, str]]] = [
    ("plain", {}, {}, {}),
    ("localASN", {"localASN": 64999}, {"myASN": 64999}, {"spec.localASN": DIFFERS}),
    ("localASN is myASN", {"localASN": 64512}, {}, {}),
    ("internal", {"peerASN": None, "dynamicASN": "internal"}, {"peerASN": 64512}, {}),
    ("external", {"peerASN": None, "dynamicASN": "external"}, None, {"spec.dynamicASN": LOST}),
    ("no myASN", {"myASN": 0}, None, {"spec.myASN": LOST}),
    ("no peerASN", {"peerASN": 0}, None, {"spec.peerASN": LOST}),
    ("reserved AS", {"peerASN": 23456}, None, {"spec.peerASN": LOST}),
    ("IPv6", {"peerAddress": "2001:0db8::01"}, {"peerAddress": "2001:db8::1", "families": ["IPv6"]}, {}),
    ("no address", {"peerAddress": ""}, None, {"spec.peerAddress": LOST}),
    ("wrong address", {"peerAddress": "router"}, None, {"spec.peerAddress": LOST}),
    ("interface", {"peerAddress": None, "interface": "eth1"}, None, {"spec.interface": LOST}),
    ("vrf", {"vrf": "red"}, None, {"spec.vrf": LOST}),
    ("source", {"sourceAddress": "203.0.113.9"}, {"sourceAddress": "203.0.113.9"}, {"spec.sourceAddress": DIFFERS}),
    ("port", {"peerPort": 1179}, {"peerPort": 1179}, {}),
    ("default port", {"peerPort": 179}, {}, {}),
    ("unset port of v1beta1", {"peerPort": 0}, {}, {}),
    ("hold time", {"holdTime": "1m30s"}, {"holdTime": "90s"}, {}),
    ("hold time of parts of seconds", {"holdTime": "4500ms"}, {"holdTime": "4s"}, {}),
    ("no hold time", {"holdTime": "0s"}, {"holdTime": "0s"}, {}),
    ("short hold time", {"holdTime": "2s"}, None, {"spec.holdTime": LOST}),
    ("unreadable hold time", {"holdTime": "soon"}, {}, {"spec.holdTime": LOST}),
    ("keepalive of a third", {"holdTime": "30s", "keepaliveTime": "10s"}, {"holdTime": "30s"}, {}),
    (
        "other keepalive",
        {"holdTime": "30s", "keepaliveTime": "5s"},
        {"holdTime": "30s"},
        {"spec.keepaliveTime": DIFFERS},
    ),
    ("keepalive alone", {"keepaliveTime": "3s"}, {"holdTime": "9s"}, {}),
    ("connect time", {"connectTime": "5s"}, {}, {}),
    ("router ID", {"routerID": "203.0.113.11"}, {"routerID": "203.0.113.11"}, {}),
    ("router ID of IPv6", {"routerID": "2001:db8::1"}, {}, {"spec.routerID": LOST}),
    ("password", {"password": "x"}, {"passwordSecretRef": {"name": "metallb-tor"}}, {"spec.password": DIFFERS}),
    (
        "Secret",
        {"passwordSecret": {"name": "key"}},
        {"passwordSecretRef": {"name": "key"}},
        {"spec.passwordSecret": DIFFERS},
    ),
    ("empty Secret", {"passwordSecret": {}}, {}, {}),
    ("BFD without its profile", {"bfdProfile": "fast"}, {}, {"spec.bfdProfile": LOST}),
    ("graceful restart", {"enableGracefulRestart": True}, {"gracefulRestart": None}, {}),
    ("multihop", {"ebgpMultiHop": True}, {"ebgpMultiHop": True}, {}),
    ("multihop inside an AS", {"ebgpMultiHop": True, "peerASN": 64512}, None, {"spec.ebgpMultiHop": LOST}),
    ("disableMP", {"disableMP": True}, {}, {}),
    ("both families", {"dualStackAddressFamily": True}, {"families": None}, {}),
    (
        "own family by an old default",
        {"dualStackAddressFamily": None},
        {},
        {"spec.dualStackAddressFamily": DIFFERS},
    ),
    (
        "nodes",
        {"nodeSelectors": [{"matchLabels": {"rack": "1"}}]},
        {"nodeSelectors": [{"matchLabels": {"rack": "1"}}]},
        {},
    ),
    ("unknown field", {"surprise": 1}, {}, {"spec.surprise": LOST}),
    ("wrong type", {"myASN": "many"}, None, {"spec.myASN": LOST}),
]


@pytest.mark.parametrize(("given", "made", "notes"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_field(given: dict[str, Any], made: dict[str, Any] | None, notes: dict[str, str]) -> None:
    migration = migrated(metallb_peer(**{"dualStackAddressFamily": False, **given}), metallb_advertisement())
    kept = {**BASE, **{key: value for key, value in given.items() if key in BASE}}
    always = {"gracefulRestart": {"enabled": False}, "families": ["IPv4"]}
    wanted = (
        None
        if made is None
        else {field: value for field, value in {**kept, **always, **made}.items() if value is not None}
    )
    assert spec_of(migration, "BGPPeer", "tor") == wanted
    found = levels(migration)
    assert {field: found.get(field) for field in notes} == notes
    assert made is not None or LOST in found.values()
    assert made is None or set(found) == set(notes)


def test_v1beta1_is_read_alike() -> None:
    old, new = (migrated(metallb_peer(version=version), metallb_advertisement()) for version in ("v1beta1", "v1beta2"))
    assert old.objects == new.objects


@pytest.mark.parametrize(
    ("selectors", "bound"),
    [
        ([], [{"matchLabels": {LABEL: "exalb"}}]),
        (
            [{"matchLabels": {"rack": "1"}}, {}],
            [{"matchLabels": {"rack": "1", LABEL: "exalb"}}, {"matchLabels": {LABEL: "exalb"}}],
        ),
    ],
)
def test_peers_wait_for_the_label_of_a_node(selectors: list[Any], bound: list[Any]) -> None:
    migration = migrated(metallb_peer(nodeSelectors=selectors), metallb_advertisement(), all_nodes=False)
    assert (spec_of(migration, "BGPPeer", "tor") or {})["nodeSelectors"] == bound
    assert without_label(bound) is None


def test_selectors_without_the_label_are_those_of_before() -> None:
    before = [{"matchLabels": {"rack": "1"}}, {"matchExpressions": [{"key": "a", "operator": "Exists"}]}]
    migration = migrated(metallb_peer(nodeSelectors=before), metallb_advertisement(), all_nodes=False)
    assert without_label((spec_of(migration, "BGPPeer", "tor") or {})["nodeSelectors"]) == before


@pytest.mark.parametrize("advertisements", [[], [metallb_advertisement(aggregationLength=99)]])
def test_no_peer_is_written_without_an_advertisement(advertisements: list[Any]) -> None:
    """ExaLB would announce everything, and MetalLB announces nothing."""
    assert not [raw for raw in migrated(metallb_peer(), *advertisements).objects if raw["kind"] == "BGPPeer"]


def test_passwords_are_copied_by_commands_that_do_not_show_them() -> None:
    peers = (metallb_peer("a", password="never-shown"), metallb_peer("b", passwordSecret={"name": "key"}))
    commands = migrated(*peers, metallb_advertisement()).password_commands
    assert [command.split()[4] for command in commands] == ["metallb-a", "key"]
    assert "never-shown" not in str(commands)
