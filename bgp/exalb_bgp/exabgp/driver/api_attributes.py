"""Path attributes as ExaBGP shows them: with numbers in its events, with words in its tables."""

import struct
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from typing import Any

from exalb_bgp.rib import Address, Attributes, Community, ExtendedCommunity, ExtendedKind, LargeCommunity

_NAMES = {
    "no-export": Community(65535, 65281),
    "no-advertise": Community(65535, 65282),
    "no-export-subconfed": Community(65535, 65283),
    "no-peer": Community(65535, 65284),
    "blackhole": Community(65535, 666),
}
_KINDS = {
    0x0002: ExtendedKind.ROUTE_TARGET,
    0x0003: ExtendedKind.ROUTE_ORIGIN,
    0x4004: ExtendedKind.LINK_BANDWIDTH,
}
_CODES = {kind.value: code for code, kind in _KINDS.items()}
MALFORMED_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, struct.error)
"""Errors from malformed input, in addition to ValueError."""


def shown(attributes: Mapping[str, Any], next_hop: Address) -> Attributes:
    """Return the attributes as on the wire; attributes that ExaLB never sends are left out.

    Raises ValueError or one of MALFORMED_ERRORS for malformed input.
    """
    return Attributes(
        next_hop=next_hop,
        local_pref=_optional(attributes.get("local-preference")),
        med=_optional(attributes.get("med")),
        as_path_prepend=sum(len(segment["value"]) for segment in attributes.get("as-path", {}).values()),
        communities=tuple(sorted(map(_community, attributes.get("community", ())))),
        large_communities=tuple(sorted(map(_large, attributes.get("large-community", ())))),
        extended_communities=_extended(attributes.get("extended-community", ())),
    )


def number(value: object) -> int:
    """Return the value if it is a number; raises TypeError."""
    if not isinstance(value, int):
        raise TypeError("not a number")
    return value


def text(value: object) -> str:
    """Return the value if it is a text; raises TypeError."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _optional(value: object) -> int | None:
    return None if value is None else number(value)


def _community(shown_as: str | list[int]) -> Community:
    if isinstance(shown_as, str):
        return _NAMES[shown_as] if shown_as in _NAMES else Community(*map(int, shown_as.split(":")))
    return Community(*map(number, shown_as))


def _large(shown_as: str | list[int]) -> LargeCommunity:
    return LargeCommunity(*map(int, shown_as.split(":")) if isinstance(shown_as, str) else map(number, shown_as))


def _extended(shown_as: Iterable[str | Mapping[str, Any]]) -> tuple[ExtendedCommunity, ...]:
    numbers = (_octets(entry) if isinstance(entry, str) else number(entry["value"]).to_bytes(8) for entry in shown_as)
    return tuple(sorted((_kind(octets) for octets in numbers), key=str))


def _octets(words: str) -> bytes:
    """Return the octets of `0x…`, or of `target:asn:number` and `origin:asn:number`, the number possibly dotted."""
    if words.startswith("0x"):
        return bytes.fromhex(words[2:])
    kind, asn, value = words.split(":")
    return struct.pack("!HHI", _CODES[kind], int(asn), int(IPv4Address(value)) if "." in value else int(value))


def _kind(octets: bytes) -> ExtendedCommunity:
    code, asn = struct.unpack("!HH", octets[:4])
    value = struct.unpack("!f" if code == 0x4004 else "!I", octets[4:])[0]
    return ExtendedCommunity(_KINDS[code], asn, int(value))
