"""Any value that the types of exalb_bgp admit, and strings that try to inject configuration or commands."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

from hypothesis import strategies as st

from exalb_bgp.peer_state import CHUNK
from exalb_bgp.rib import Address, Attributes, Community, ExtendedCommunity, ExtendedKind, LargeCommunity, Prefix
from exalb_bgp.session import Family, Password, Session

T = TypeVar("T", Community, LargeCommunity)
HOSTILE = [
    'eth0"; md5-password "x',
    "eth0;\n}\nneighbor 192.0.2.1 {",
    "eth0\nshutdown",
    "eth0 # the rest",
    "eth0;md5-password",
    "eth0#mtu",
    'eth0"',
    "}",
    "[ 64512:1 ]",
    "shutdown ",
    "tor announce route 192.0.2.0/24 next-hop self",
    "done\n",
    "eth0\\",
    "eth0\x00",
    "eth0\n",
    "ètè0",
    "٣",
    "\u2028reset",
]
"""Hostile names."""

texts = st.sampled_from(HOSTILE) | st.text(max_size=20) | st.from_regex(r"[A-Za-z0-9_.@-]{1,15}", fullmatch=True)
numbers16 = st.integers(0, 0xFFFF)
numbers32 = st.integers(0, 0xFFFFFFFF)
asns = st.integers(1, 0xFFFFFFFE)
octets = st.binary(max_size=81) | texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
passwords = st.none() | octets.map(Password)
families = st.frozensets(st.sampled_from(Family))

_four = st.integers(0x01000000, 0xDFFFFFFF).map(IPv4Address).filter(lambda address: not address.is_loopback)
_six = st.integers(1 << 125, (0xFE << 120) - 1).map(IPv6Address)
_link_local = st.integers(1, (1 << 64) - 1).map(lambda number: IPv6Address((0xFE80 << 112) + number))
_scoped = _link_local.map(lambda address: IPv6Address(f"{address}%eth0"))
addresses: st.SearchStrategy[Address] = _four | _six | _link_local | _scoped

sessions = st.builds(
    Session,
    peer=texts,
    peer_address=addresses,
    local_asn=asns,
    peer_asn=asns,
    router_id=_four,
    local_address=st.none() | addresses,
    peer_port=st.integers(1, 65535),
    hold_time=st.just(0) | st.integers(3, 65535),
    password=passwords,
    source_interface=st.none() | texts,
    ebgp_multihop=st.none() | st.integers(1, 255),
    ttl_security=st.booleans(),
    graceful_restart=st.none() | st.integers(1, 4095),
    families=families,
    extended_next_hop=st.booleans(),
    passive=st.booleans(),
    listen_port=st.integers(1, 65535),
)
"""Sessions of any kind, also such as ExaBGP cannot run."""

speakers = st.dictionaries(texts, sessions, max_size=4)
"""Sessions by name."""

communities = st.builds(Community, numbers16, numbers16)
large_communities = st.builds(LargeCommunity, numbers32, numbers32, numbers32)
extended_communities = st.builds(
    ExtendedCommunity, st.sampled_from(ExtendedKind), numbers32, st.integers(0, 1 << 40) | numbers32
).filter(
    lambda community: (
        community.kind is ExtendedKind.LINK_BANDWIDTH or (community.asn <= 0xFFFF and community.value <= 0xFFFFFFFF)
    )
)


def attributes(next_hops: st.SearchStrategy[Address]) -> st.SearchStrategy[Attributes]:
    """Any path attributes that may be wanted."""
    return st.builds(
        Attributes,
        next_hop=st.none() | next_hops,
        local_pref=st.none() | numbers32,
        med=st.none() | numbers32,
        as_path_prepend=st.integers(0, 16),
        communities=_several(communities),
        large_communities=_several(large_communities),
        extended_communities=st.lists(extended_communities, max_size=4, unique=True).map(
            lambda values: tuple(sorted(values, key=str))
        ),
    )


def _several(item: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(item, max_size=4, unique=True).map(lambda values: tuple(sorted(values, key=tuple)))


def _network(number: int, length: int, width: int) -> tuple[int, int]:
    return number >> (width - length) << (width - length), length


_prefixes4 = st.builds(lambda n, bits: IPv4Network(_network(n, bits, 32)), numbers32, st.integers(0, 32))
_prefixes6 = st.builds(
    lambda n, bits: IPv6Network(_network(n, bits, 128)), st.integers(0, (1 << 128) - 1), st.integers(0, 128)
)


def prefixes(version: int) -> st.SearchStrategy[tuple[Prefix, ...]]:
    """As many prefixes of one family as a command may carry."""
    prefix: st.SearchStrategy[Prefix] = _prefixes4 if version == 4 else _prefixes6
    return st.lists(prefix, min_size=1, max_size=CHUNK, unique=True).map(tuple)


def hops(version: int) -> st.SearchStrategy[Address]:
    """Any next hop of one family."""
    return _four if version == 4 else _six
