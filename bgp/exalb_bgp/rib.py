"""Tables of prefixes with their path attributes, and the difference between two tables (RFC 4271 §3.2)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import chain
from typing import NamedTuple, TypeAlias

from exalb_bgp.revision import known_changes

Address: TypeAlias = IPv4Address | IPv6Address
Prefix: TypeAlias = IPv4Network | IPv6Network


class Community(NamedTuple):
    """A community of RFC 1997: two numbers of 16 bits, written `64512:100`."""

    asn: int
    value: int

    def __str__(self) -> str:
        """Write it as operators do."""
        return f"{self.asn}:{self.value}"


class LargeCommunity(NamedTuple):
    """A large community of RFC 8092: three numbers of 32 bits, written `64512:1:2`."""

    asn: int
    data1: int
    data2: int

    def __str__(self) -> str:
        """Write it as RFC 8092 §5 asks."""
        return f"{self.asn}:{self.data1}:{self.data2}"


class ExtendedKind(Enum):
    """The extended communities that ExaLB can send (RFC 4360, RFC 7153)."""

    ROUTE_TARGET = "target"
    ROUTE_ORIGIN = "origin"
    LINK_BANDWIDTH = "bandwidth"
    """draft-ietf-idr-link-bandwidth: the value is bytes per second."""


class ExtendedCommunity(NamedTuple):
    """An extended community of RFC 4360 with a two-octet AS, written `target:64512:100`."""

    kind: ExtendedKind
    asn: int
    value: int

    def __str__(self) -> str:
        """Write it as `kind:asn:value`."""
        return f"{self.kind.value}:{self.asn}:{self.value}"


GRACEFUL_SHUTDOWN = Community(65535, 0)
"""Asks the receiver to prefer any other path (RFC 8326)."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """The path attributes of one prefix towards one peer (RFC 4271 §5).

    Communities are sorted and without repetition, so that equal meaning is equal value.
    """

    next_hop: Address | None = None
    """None is "self": the session's own local address."""
    local_pref: int | None = None
    """Sent to iBGP peers only (RFC 4271 §5.1.5)."""
    med: int | None = None
    as_path_prepend: int = 0
    """How many additional times AS_PATH has the local AS; eBGP only: an iBGP peer would see a loop."""
    communities: tuple[Community, ...] = ()
    large_communities: tuple[LargeCommunity, ...] = ()
    extended_communities: tuple[ExtendedCommunity, ...] = ()


Rib: TypeAlias = Mapping[Prefix, Attributes]
"""An Adj-RIB-Out: the routes for one peer (RFC 4271 §3.2)."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The changes that turn one table into another."""

    announce: Mapping[Prefix, Attributes] = field(default_factory=dict)
    withdraw: frozenset[Prefix] = frozenset()


def diff(current: Rib, desired: Rib) -> Delta:
    """Return the announcements and withdrawals by which `current` becomes `desired`."""
    announce = {prefix: attributes for prefix, attributes in desired.items() if current.get(prefix) != attributes}
    return Delta(announce, frozenset(prefix for prefix in current if prefix not in desired))


def changed(old: Rib, new: Rib) -> Iterator[Prefix]:
    """Yield every prefix that is in one table only, or has other attributes in the other.

    Both are read in parallel, and runs of entries that are the same objects in both cost almost nothing: no prefix is
    hashed, which is slow in Python. So a few changes are cheap in a large table that shares the other entries, in the
    same order, with the previous one. Revisions of one table are not read at all.
    """
    known = known_changes(old, new)
    if known is not None:
        yield from (prefix for prefix in known if old.get(prefix) != new.get(prefix))
        return
    keys, values = (list(old), list(new)), (list(old.values()), list(new.values()))
    left = right = 0
    while left < len(old) and right < len(new):
        run = _run(keys, values, left, right)
        left, right = left + run, right + run
        if run:
            continue
        before, after = keys[0][left], keys[1][right]
        if before == after:
            yield before
            left, right = left + 1, right + 1
        elif before not in new:
            yield before
            left += 1
        elif after not in old:
            yield after
            right += 1
        else:
            break  # another order
    rest = dict.fromkeys(chain(keys[0][left:], keys[1][right:]))
    yield from (prefix for prefix in rest if old.get(prefix) != new.get(prefix))


_Pair: TypeAlias = tuple[Sequence[object], Sequence[object]]
_STRIDE = 64


def _run(keys: _Pair, values: _Pair, left: int, right: int) -> int:
    """Count the entries that are equal from here on; the comparison of lists checks identity first."""
    start, stride = left, _STRIDE
    while stride:
        here, there = slice(left, left + stride), slice(right, right + stride)
        part = keys[0][here]
        if part and part == keys[1][there] and values[0][here] == values[1][there]:
            left, right = left + stride, right + stride
        else:
            stride //= 2
    return left - start


def is_host_route(prefix: Prefix) -> bool:
    """Return whether a prefix has one address. Its `num_addresses` would keep 350 octets more in each that is asked."""
    return prefix.prefixlen == prefix.max_prefixlen


def without_zone(address: Address) -> Address:
    """Return an address without its scope: an engine identifies a peer by the number only."""
    return IPv6Address(int(address)) if isinstance(address, IPv6Address) else address
