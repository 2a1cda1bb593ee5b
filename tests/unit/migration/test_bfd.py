"""BFDProfiles of MetalLB: written into the peers that use them."""

from typing import Any

import pytest

from exalb.migration.bfd import peer_bfd, profile_notes
from exalb.migration.metallb_objects import PeerSpec, ProfileSpec
from exalb.migration.notes import About

ABOUT = About("BGPPeer", "tor")
PEER = PeerSpec(bfd_profile="fast")


@pytest.mark.parametrize(
    ("profile", "bfd"),
    [
        ({}, {}),
        ({"receiveInterval": 150, "detectMultiplier": 5}, {"receiveInterval": 150, "detectMultiplier": 5}),
        ({"transmitInterval": 10, "detectMultiplier": 1}, {"transmitInterval": 100, "detectMultiplier": 2}),
    ],
)
def test_profile_becomes_bfd(profile: dict[str, Any], bfd: dict[str, Any]) -> None:
    made, notes = peer_bfd(PEER, ABOUT, {"fast": ProfileSpec.model_validate(profile)})
    assert made == bfd
    assert [note.field for note in notes] == ["spec.bfdProfile"]


@pytest.mark.parametrize("peer", [PEER, PeerSpec(bfd_profile="fast", ebgp_multi_hop=True)])
def test_peer_without_bfd_says_so(peer: PeerSpec) -> None:
    profiles = {"fast": ProfileSpec()} if peer.ebgp_multi_hop else {}
    made, notes = peer_bfd(peer, ABOUT, profiles)
    assert made is None
    assert [note.field for note in notes] == ["spec.bfdProfile"]


def test_peer_that_uses_no_profile_has_no_bfd() -> None:
    assert peer_bfd(PeerSpec(), ABOUT, {"fast": ProfileSpec()}) == (None, [])


@pytest.mark.parametrize(
    ("profile", "fields"),
    [
        ({"receiveInterval": 100, "transmitInterval": 60000, "detectMultiplier": 2}, []),
        ({"receiveInterval": 99}, ["spec.receiveInterval"]),
        ({"transmitInterval": 60001}, ["spec.transmitInterval"]),
        ({"detectMultiplier": 1}, ["spec.detectMultiplier"]),
        (
            {"echoMode": True, "passiveMode": True, "minimumTtl": 254},
            ["spec.echoMode", "spec.passiveMode", "spec.minimumTtl"],
        ),
    ],
)
def test_difference_of_a_profile_is_noted(profile: dict[str, Any], fields: list[str]) -> None:
    spec = ProfileSpec.model_validate(profile)
    assert [note.field for note in profile_notes(spec, About("BFDProfile", "fast"))] == fields
