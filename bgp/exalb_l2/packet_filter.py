"""The kernel's filter of a packet socket: frames about other addresses never reach this process."""

import ctypes
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from exalb_l2.frames import ARP, IPV6, Address

_SO_ATTACH_FILTER = 26
"""From the kernel's asm-generic/socket.h."""
_BYTE, _HALF, _WORD, _AND, _EQUAL, _RETURN = 0x30, 0x28, 0x20, 0x54, 0x15, 0x06
"""Instructions of classic BPF (linux/bpf_common.h)."""
_PACKET_TYPE, _OTHER_HOST = 0xFFFFF004, 3
"""Type of the packet; of other hosts are frames with a VLAN tag that no interface here has, too (linux/if_packet.h)."""
_PASS, _DROP = (_RETURN, 0, 0, 0xFFFF), (_RETURN, 0, 0, 0)
_ETHER_TYPE, _ARP_SOURCE, _ARP_TARGET = 12, 28, 38
_NEXT_HEADER, _HOP_LIMIT, _ICMP_TYPE, _NDP_TARGET = 20, 21, 54, 62
_ICMPV6, _SOLICITATION, _ADVERTISEMENT = 58, 135, 136
_NETWORKS = 128
"""So many prefixes are compared at most: a program has 4,096 instructions."""

_Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true and if false, operand."""
_Network = IPv4Network | IPv6Network


def attach(receiver: socket.socket, ether_type: int, addresses: Iterable[Address]) -> None:
    """Replace the filter of a packet socket by one for frames of one EtherType about `addresses`; raises OSError."""
    instructions = list(program(ether_type, addresses))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in instructions))
    packed = struct.pack("@HP", len(instructions), ctypes.addressof(code))
    receiver.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, packed)


def program(ether_type: int, addresses: Iterable[Address]) -> Iterator[_Instruction]:
    """Yield the instructions of the filter."""
    version = {ARP: 4, IPV6: 6}[ether_type]
    networks = covering(address for address in addresses if address.version == version)
    yield from ((_WORD, 0, 0, _PACKET_TYPE), (_EQUAL, 0, 1, _OTHER_HOST), _DROP)
    yield from _require(_HALF, _ETHER_TYPE, ether_type)
    if ether_type == IPV6:
        yield from _require(_BYTE, _NEXT_HEADER, _ICMPV6)
        yield from _require(_BYTE, _HOP_LIMIT, 255)
        yield from ((_BYTE, 0, 0, _ICMP_TYPE), (_EQUAL, 2, 0, _SOLICITATION), (_EQUAL, 1, 0, _ADVERTISEMENT), _DROP)
    places = (_ARP_TARGET, _ARP_SOURCE) if ether_type == ARP else (_NDP_TARGET,)
    for place in places:
        for network in networks:
            yield from _passes(place, network)
    yield _DROP


def _require(load: int, place: int, value: int) -> tuple[_Instruction, ...]:
    return (load, 0, 0, place), (_EQUAL, 1, 0, value), _DROP


def _passes(place: int, network: _Network) -> Iterator[_Instruction]:
    """Yield what lets a frame pass whose address at `place` is in a network."""
    count = len(network.network_address.packed) // 4
    words = struct.unpack(f"!{count}I", network.network_address.packed)
    masks = struct.unpack(f"!{count}I", network.netmask.packed)
    for index, (word, mask) in enumerate(zip(words, masks, strict=True)):
        yield from ((_WORD, 0, 0, place + 4 * index), (_AND, 0, 0, mask))
        yield _EQUAL, 0, 3 * (count - index - 1) + 1, word
    yield _PASS


def covering(addresses: Iterable[Address]) -> list[_Network]:
    """Return few prefixes that contain the addresses; where they are many, other addresses, too."""
    networks: list[_Network] = list(_collapsed(ip_network(address) for address in addresses))
    while len(networks) > _NETWORKS:
        networks = list(_collapsed(network.supernet() for network in networks))
    return networks


def _collapsed(networks: Iterable[_Network]) -> Iterator[_Network]:
    yield from collapse_addresses(networks)  # type: ignore[type-var]
