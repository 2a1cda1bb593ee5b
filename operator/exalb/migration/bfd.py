"""MetalLB's BFDProfiles as `bfd` of BGPPeers. Pure."""

from collections.abc import Mapping
from typing import Any

from exalb.migration.metallb_objects import PeerSpec, ProfileSpec
from exalb.migration.notes import About, Note

_LEAST, _MOST = 100, 60000
"""Bounds of ExaLB's intervals, in milliseconds."""
_LEAST_MULTIPLIER = 2


def peer_bfd(
    spec: PeerSpec, about: About, profiles: Mapping[str, ProfileSpec]
) -> tuple[dict[str, Any] | None, list[Note]]:
    """Return `bfd` of a peer, None where it has none, and the notes."""
    field = "spec.bfdProfile"
    if not spec.bfd_profile:
        return None, []
    if spec.ebgp_multi_hop:
        message = "ExaLB has BFD with directly connected routers only: bfd is left out. Set holdTime to 9s or less"
        return None, [about.lost(field, message)]
    profile = profiles.get(spec.bfd_profile)
    if profile is None:
        return None, [about.lost(field, f"there is no BFDProfile {spec.bfd_profile}: bfd is left out")]
    message = "ExaLB runs BFD on the nodes only with speaker.bfd.enabled=true in the values of the chart"
    return _times(profile), [about.differs(field, message)]


def place_note(about: About, users: list[str]) -> Note:
    """Return where a profile is written; `users` are the BGPPeers that have it."""
    where = f"written into BGPPeer {', '.join(users)}" if users else "no BGPPeer uses it: it is left out"
    return about.note("spec", where)


def profile_notes(profile: ProfileSpec, about: About) -> list[Note]:
    """Return what differs of a profile."""
    notes = []
    for field in ("receiveInterval", "transmitInterval"):
        interval = {"receiveInterval": profile.receive_interval, "transmitInterval": profile.transmit_interval}[field]
        if interval is not None and not _LEAST <= interval <= _MOST:
            message = f"{interval} is outside of {_LEAST} to {_MOST} milliseconds: the nearest of them is written"
            notes.append(about.differs(f"spec.{field}", message))
    if profile.detect_multiplier is not None and profile.detect_multiplier < _LEAST_MULTIPLIER:
        message = f"{profile.detect_multiplier} is written as {_LEAST_MULTIPLIER}"
        notes.append(about.differs("spec.detectMultiplier", message))
    if profile.echo_mode:
        notes.append(about.lost("spec.echoMode", "ExaLB has no echo mode: switch it off on the router"))
    if profile.passive_mode:
        notes.append(about.differs("spec.passiveMode", "ExaLB's sessions also begin by themselves"))
    if profile.minimum_ttl is not None:
        message = "is not needed: ExaLB accepts packets only from directly connected routers"
        notes.append(about.note("spec.minimumTtl", message))
    return notes


def _times(profile: ProfileSpec) -> dict[str, Any]:
    times: dict[str, Any] = {}
    for field, interval in (
        ("receiveInterval", profile.receive_interval),
        ("transmitInterval", profile.transmit_interval),
    ):
        if interval is not None:
            times[field] = min(max(interval, _LEAST), _MOST)
    if profile.detect_multiplier is not None:
        times["detectMultiplier"] = max(profile.detect_multiplier, _LEAST_MULTIPLIER)
    return times
