"""BGP communities as operators write them: `65001:100`, `large:65001:1:2`, `target:65001:100`, `NO_EXPORT`. Pure."""

import re
from typing import TypeAlias

from exalb_bgp.rib import Community, ExtendedCommunity, ExtendedKind, LargeCommunity

AnyCommunity: TypeAlias = Community | LargeCommunity | ExtendedCommunity

WELL_KNOWN = {
    "GRACEFUL_SHUTDOWN": Community(65535, 0),
    "ACCEPT_OWN": Community(65535, 1),
    "LLGR_STALE": Community(65535, 6),
    "NO_LLGR": Community(65535, 7),
    "BLACKHOLE": Community(65535, 666),
    "NO_EXPORT": Community(65535, 65281),
    "NO_ADVERTISE": Community(65535, 65282),
    "NO_EXPORT_SUBCONFED": Community(65535, 65283),
    "NOPEER": Community(65535, 65284),
    "NO_PEER": Community(65535, 65284),
}
"""The names of the IANA registry "BGP Well-known Communities", and NO_PEER, as many write RFC 3765's NOPEER."""

PATTERN = (
    "^(?:[0-9]{1,5}:[0-9]{1,5}|large:[0-9]{1,10}:[0-9]{1,10}:[0-9]{1,10}|(?:target|origin):[0-9]{1,5}:[0-9]{1,10}|"
    + "|".join(WELL_KNOWN)
    + ")$"
)

NAME = "^[A-Za-z][A-Za-z0-9._-]*$"
"""A name that a Community resource may give; no community has this form but the well-known ones."""

HOW = "write 65001:100, large:65001:1:2, target:65001:100, origin:65001:100 or a name such as NO_EXPORT"


def parse_community(text: str) -> AnyCommunity:
    """Read one community; raise ValueError with a message for people."""
    if text in WELL_KNOWN:
        return WELL_KNOWN[text]
    if not re.fullmatch(PATTERN, text):
        raise ValueError(f"{text!r} is not a community: {HOW}")
    kind, *rest = text.split(":")
    match kind:
        case "large":
            return LargeCommunity(*(_number(part, 32, text) for part in rest))
        case "target" | "origin":
            return ExtendedCommunity(ExtendedKind(kind), _number(rest[0], 16, text), _number(rest[1], 32, text))
        case _:
            return Community(_number(kind, 16, text), _number(rest[0], 16, text))


def read_community(text: str) -> AnyCommunity | str:
    """Read one community, or the name that stands for one; raise ValueError with a message for people."""
    if re.fullmatch(PATTERN, text):
        return parse_community(text)
    if not re.fullmatch(NAME, text) or len(text) > 63:
        raise ValueError(f"{text!r} is not a community: {HOW}, or the name that a Community gives it")
    return text


def _number(text: str, bits: int, whole: str) -> int:
    if int(text) >= 1 << bits:
        raise ValueError(f"{whole!r} is not a community: {text} does not fit into {bits} bits")
    return int(text)
