"""Converts desired path attributes to those on the wire of one session (RFC 4271 §5, RFC 4760, RFC 8950)."""

import struct
from dataclasses import dataclass, replace
from functools import lru_cache

from exalb_bgp.events import Negotiated
from exalb_bgp.rib import Address, Attributes, ExtendedCommunity, ExtendedKind, Prefix
from exalb_bgp.session import Family, Session

DEFAULT_LOCAL_PREF = 100
"""The LOCAL_PREF of an iBGP UPDATE if none is requested; RFC 4271 §5.1.5 makes the attribute mandatory there."""
AS_TRANS = 23456
"""Replaces an AS number that does not fit into two octets (RFC 6793 §9)."""


def next_hop(prefix: Prefix, wanted: Address | None, local: Address | None, extended: bool) -> Address | None:
    """Return the next hop to be sent for a prefix, or None if the session cannot carry any.

    `wanted` None is "self", the session's `local` address. An IPv4 prefix has an IPv6 next hop only if RFC 8950 was
    negotiated (`extended`); an IPv6 prefix never has an IPv4 next hop.
    """
    chosen = wanted or local
    if chosen is None or chosen.version == prefix.version:
        return chosen
    return chosen if prefix.version == 4 and extended else None


@lru_cache(maxsize=256)
def shared(attributes: Attributes) -> Attributes:
    """Return the object that stands for all equal ones: thousands of routes have few different attributes."""
    return attributes


@lru_cache(maxsize=4096)
def resolve(attributes: Attributes, hop: Address, session: Session) -> Attributes:
    """Return the attributes as an UPDATE of this session shows them; `as_path_prepend` is then the whole path's length.

    An eBGP path has the local AS once before anything is prepended (RFC 4271 §5.1.2).
    """
    default = DEFAULT_LOCAL_PREF if attributes.local_pref is None else attributes.local_pref
    return replace(
        attributes,
        next_hop=hop,
        as_path_prepend=0 if session.is_ibgp else attributes.as_path_prepend + 1,
        local_pref=default if session.is_ibgp else None,
        communities=tuple(sorted(attributes.communities)),
        large_communities=tuple(sorted(attributes.large_communities)),
        extended_communities=tuple(sorted(map(_on_wire, attributes.extended_communities), key=str)),
    )


@lru_cache(maxsize=4096)
def completed(attributes: Attributes, session: Session) -> Attributes:
    """Convert attributes of ExaBGP's table to those on the wire: the table lacks a path that ExaBGP makes itself."""
    made = not session.is_ibgp and not attributes.as_path_prepend
    return replace(attributes, as_path_prepend=1) if made else attributes


LARGEST_MESSAGE = 4096
"""Octets of a BGP message (RFC 4271 §4)."""


_FIXED_SIZE = 19 + 4 + 7 * 4 + 1 + 4 + 4 + 37 + 17
"""Octets of the fixed parts: header, lengths, headers of seven path attributes with a length of two octets, ORIGIN,
MULTI_EXIT_DISC, LOCAL_PREF, MP_REACH_NLRI with two IPv6 next hops, and an IPv6 prefix."""


def update_size(attributes: Attributes) -> int:
    """Return an upper bound on the octets of an UPDATE for one prefix, in any session.

    The peer may know AS numbers of two octets only: then AS4_PATH is added to AS_PATH. A segment of both holds at most
    255 AS numbers.
    """
    path = attributes.as_path_prepend + 1
    return (
        _FIXED_SIZE
        + 2 * 4
        + (2 + 4) * path
        + 2 * 2 * ((path + 254) // 255)
        + 4 * len(attributes.communities)
        + 12 * len(attributes.large_communities)
        + 8 * len(attributes.extended_communities)
    )


_WIDEST = 0xFFFFFF00
"""The largest 32-bit float below 2**32: link bandwidth in bytes per second that ExaBGP can still send."""


def _on_wire(community: ExtendedCommunity) -> ExtendedCommunity:
    """Give link bandwidth the precision of its 32-bit float, no more than ExaBGP takes, and an AS number that fits."""
    if community.kind is not ExtendedKind.LINK_BANDWIDTH:
        return community
    (value,) = struct.unpack("!f", struct.pack("!f", min(community.value, _WIDEST)))
    return community._replace(asn=community.asn if community.asn <= 0xFFFF else AS_TRANS, value=int(value))


@dataclass(frozen=True, slots=True)
class Carried:
    """Desired attributes in one session: whether they are sent, and as what."""

    shown: Attributes | None
    """As an UPDATE shows them; None where the session has no next hop for them."""
    fits: bool
    """Whether an UPDATE of any session can hold them."""
    sendable: bool
    """Whether this session is to send them."""


NOT_DESIRED = Carried(shown=None, fits=True, sendable=False)
"""For a prefix without desired attributes."""
_REMEMBERED = 256
"""Different attributes whose fate a session remembers."""


class Carriage:
    """Decides which attributes one session can carry. Remembers it: thousands of routes have few different ones."""

    def __init__(self, session: Session, negotiated: Negotiated | None) -> None:
        self._session, self._negotiated = session, negotiated
        self._known: dict[int, dict[Attributes, Carried]] = {4: {}, 6: {}}

    def of(self, prefix: Prefix, wanted: Attributes) -> Carried:
        """Decide on the desired attributes of a prefix."""
        known = self._known[prefix.version]
        carried = known.get(wanted)
        if carried is None:
            if len(known) >= _REMEMBERED:
                known.clear()
            carried = known[wanted] = self._judge(prefix, wanted)
        return carried

    def hop(self, prefix: Prefix, wanted: Attributes) -> Address | None:
        """Return the next hop of an UPDATE, or None if the session has none."""
        negotiated = self._negotiated
        if negotiated is None or Family.of(prefix) not in negotiated.families:
            return None
        return next_hop(prefix, wanted.next_hop, negotiated.local_address, negotiated.extended_next_hop)

    def _judge(self, prefix: Prefix, wanted: Attributes) -> Carried:
        hop = self.hop(prefix, wanted)
        fits = update_size(wanted) <= LARGEST_MESSAGE
        stays = Family.of(prefix) in self._session.families  # otherwise the session still has it, but is to lose it
        shown = None if hop is None else resolve(wanted, hop, self._session)
        return Carried(shown, fits, fits and stays and shown is not None)
