"""BFD Control packets: read and written (RFC 5880 §4.1). No authentication, no Echo function."""

import struct
from dataclasses import dataclass
from enum import Enum

LENGTH = 24
"""Octets of a packet without an authentication section."""
VERSION = 1
_FORMAT = struct.Struct("!BBBBIIIII")
_POLL, _FINAL, _INDEPENDENT, _AUTHENTICATED, _DEMAND, _MULTIPOINT = 0x20, 0x10, 0x08, 0x04, 0x02, 0x01


class State(Enum):
    """The states of a session (RFC 5880 §6.2), by their numbers on the wire."""

    ADMIN_DOWN = 0
    DOWN = 1
    INIT = 2
    UP = 3


DIAGNOSTICS = (
    *("none", "control detection time expired", "echo function failed", "neighbor signaled session down"),
    *("forwarding plane reset", "path down", "concatenated path down", "administratively down"),
    "reverse concatenated path down",
)
"""The words of RFC 5880 §4.1 for each diagnostic code."""
NO_DIAGNOSTIC, EXPIRED, NEIGHBOR_DOWN, ADMINISTRATIVELY_DOWN = 0, 1, 3, 7


@dataclass(frozen=True, slots=True)
class Packet:
    """One BFD Control packet; times are microseconds."""

    state: State
    diagnostic: int
    multiplier: int
    my_discriminator: int
    your_discriminator: int
    transmit_interval: int
    """Desired Min TX Interval."""
    receive_interval: int
    """Required Min RX Interval; 0 asks for no periodic packets."""
    poll: bool = False
    final: bool = False
    independent: bool = True
    """The C bit: BFD lives on when the control plane, here BGP, restarts."""
    demand: bool = False


def parse(data: bytes) -> Packet | None:
    """Read a packet; None for one that must be discarded whatever the session (RFC 5880 §6.8.6)."""
    if len(data) < LENGTH:
        return None
    head, flags, multiplier, length, mine, yours, transmit, receive, _ = _FORMAT.unpack_from(data)
    state = State(flags >> 6)
    if head >> 5 != VERSION or not LENGTH <= length <= len(data) or not multiplier or not mine:
        return None
    if flags & (_AUTHENTICATED | _MULTIPOINT) or (flags & _POLL and flags & _FINAL):
        return None
    if not yours and state not in (State.DOWN, State.ADMIN_DOWN):
        return None
    return Packet(
        state=state,
        diagnostic=head & 0x1F,
        multiplier=multiplier,
        my_discriminator=mine,
        your_discriminator=yours,
        transmit_interval=transmit,
        receive_interval=receive,
        poll=bool(flags & _POLL),
        final=bool(flags & _FINAL),
        independent=bool(flags & _INDEPENDENT),
        demand=bool(flags & _DEMAND),
    )


def build(packet: Packet) -> bytes:
    """Write a packet."""
    flags = packet.state.value << 6
    for is_set, bit in (
        (packet.poll, _POLL),
        (packet.final, _FINAL),
        (packet.independent, _INDEPENDENT),
        (packet.demand, _DEMAND),
    ):
        flags |= bit if is_set else 0
    return _FORMAT.pack(
        VERSION << 5 | packet.diagnostic,
        flags,
        packet.multiplier,
        LENGTH,
        packet.my_discriminator,
        packet.your_discriminator,
        packet.transmit_interval,
        packet.receive_interval,
        0,
    )


def diagnostic_text(code: int) -> str:
    """Return a diagnostic code in the words of the RFC."""
    return DIAGNOSTICS[code] if code < len(DIAGNOSTICS) else f"unknown diagnostic {code}"
