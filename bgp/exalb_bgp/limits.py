"""Validates sessions before ExaBGP gets them: ExaBGP accepts many that can never come up."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address

from exalb_bgp.rib import Address, without_zone
from exalb_bgp.session import Session

_INTERFACE_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,15}")
_MAXIMUM_TTL = 255


def problem(session: Session) -> str | None:
    """Return the reason why ExaBGP cannot run a session, or None."""
    return next((reason for part in (_numbers, _addresses, _rest) for reason in part(session)), None)


def _numbers(session: Session) -> Iterator[str]:
    for name, value, least, most in (
        ("local AS number", session.local_asn, 1, 0xFFFFFFFF),
        ("AS number of the peer", session.peer_asn, 1, 0xFFFFFFFF),
        ("port of the peer", session.peer_port, 1, 0xFFFF),
        ("port to listen on", session.listen_port, 1, 0xFFFF),
        ("restart time", session.graceful_restart, 1, 0xFFF),
        ("TTL", session.ebgp_multihop, 1, _MAXIMUM_TTL),
    ):
        if value is not None and not least <= value <= most:
            yield f"the {name} must be from {least} to {most}, not {value}"
    if session.hold_time != 0 and not 3 <= session.hold_time <= 0xFFFF:
        yield f"the hold time must be 0 or from 3 to {0xFFFF} seconds, not {session.hold_time}"
    if session.router_id.is_unspecified:
        yield "the router ID must not be 0.0.0.0"


def _addresses(session: Session) -> Iterator[str]:
    local, peer = session.local_address, session.peer_address
    for name, address in (("source address", local), ("address of the peer", peer)):
        if address is not None and (address.is_multicast or address.is_unspecified):
            yield f"the {name} must be a unicast address, not {address}"
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            yield f"the {name} must be written as {address.ipv4_mapped}, not {address}"
    if local is not None and local.version != peer.version:
        yield f"the source address {local} and the peer {peer} are of different families"
    if local is not None and without_zone(local) == without_zone(peer):
        yield f"the source address and the peer are both {peer}"
    if isinstance(peer, IPv6Address) and peer.is_link_local and session.source_interface is None:
        yield f"the peer {peer} is link-local: the session needs a source interface"


def _rest(session: Session) -> Iterator[str]:
    if session.passive and session.local_address is None:
        yield "a passive session needs a source address to listen on"
    if session.password is not None and not 1 <= len(session.password.value) <= 80:
        yield "the password must have 1 to 80 bytes"
    if session.source_interface is not None and not _INTERFACE_NAME.fullmatch(session.source_interface):
        yield f"{session.source_interface!r} is not a valid name of a network interface"
    if session.ttl_security and session.ebgp_multihop not in {None, _MAXIMUM_TTL}:
        hops = session.ebgp_multihop
        yield f"TTL security sends with TTL {_MAXIMUM_TTL}, not {hops}: remove TTL security or eBGP multihop"
    if not session.families:
        yield "the session has no address family"


def split_valid(sessions: Mapping[str, Session]) -> tuple[dict[str, Session], dict[str, str]]:
    """Split sessions into those that ExaBGP can run and the errors of the others, both by peer name."""
    good: dict[str, Session] = {}
    bad: dict[str, str] = {}
    owners: dict[Address, str] = {}
    for name, session in sorted(sessions.items()):
        reason = problem(session)
        address = without_zone(session.peer_address)
        if reason is None and address in owners:
            reason = f"the address {address} is already used by the peer {owners[address]}"
        if reason is None:
            good[name] = session
            owners[address] = name
        else:
            bad[name] = reason
    return good, bad
