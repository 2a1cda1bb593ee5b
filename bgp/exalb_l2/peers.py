"""All that one node knows of the others on its LANs: who lives, and what each announces. Pure; times are seconds."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from exalb_l2.frames import Address
from exalb_l2.hello import Part, Table, joined

DETECT_SECONDS = 0.75
"""A node that is silent for so long is dead."""
RELEASED_SECONDS = 2.0
"""How long it is known that the last holder of an address released it."""
_ASKED_SECONDS = 2.0
"""Whoever said hello in this time is answered, even if this node has no question."""
_LINGER_SECONDS = 3.0
"""How long a node that is no longer asked still is: it must learn what this node releases."""
_FORGET_SECONDS = 10.0

Seat = tuple[str, str]
"""An interface of this node, and a node on that LAN."""


@dataclass(slots=True)
class Peer:
    """A node on one LAN."""

    last_at: float
    """When it last said something; at first when this node began to ask."""
    table: Table = field(default_factory=Table)
    is_known: bool = False
    """Whether it ever said what it announces."""
    asked: float = -1e9
    """When it last wanted an answer."""
    wanted_until: float = -1e9
    is_away: bool = False
    """Whether it was silent while it was asked, and has said nothing since."""
    back_at: float = -1e9
    """When it last said something again after a silence that it did not begin by leaving."""
    instance: int = 0
    sequence: int = 0
    parts: dict[int, Part] = field(default_factory=dict)

    def lives(self, now: float) -> bool:
        """Whether it is not silent, and does not leave."""
        return not self.table.leaving and now - self.last_at <= DETECT_SECONDS

    def is_silent(self, now: float) -> bool:
        """Whether it says nothing any more, without a word of leaving."""
        return not self.table.leaving and not self.lives(now)

    def is_missed(self, now: float) -> bool:
        """Whether it is silent though it is asked: nobody else has a reason to speak."""
        return self.wanted_until >= now and self.is_silent(now)

    def take(self, part: Part, now: float) -> bool:
        """Take a packet; return whether this completed a table that is newer."""
        if part.instance != self.instance:
            self.instance, self.sequence, self.parts = part.instance, part.sequence - 1, {}
        if part.sequence < self.sequence:
            return False
        self.last_at = now
        if not part.is_reply:
            self.asked = now
        if part.sequence == self.sequence:
            return False
        if any(other.sequence != part.sequence for other in self.parts.values()):
            self.parts = {}
        self.parts[part.place] = part
        return len(self.parts) == part.places


class Peers:
    """The nodes on all LANs of this node."""

    def __init__(self) -> None:
        self._peers: dict[Seat, Peer] = {}
        self._released: dict[Address, float] = {}

    def want(self, seats: frozenset[Seat], now: float) -> None:
        """Ask these nodes from now on; others are asked a little longer."""
        for seat in seats:
            peer = self._peers.setdefault(seat, Peer(now))
            if peer.wanted_until < float("inf") and peer.is_silent(now):
                # It is not dead: nobody asked it. What it said is old.
                peer = self._peers[seat] = Peer(now, asked=peer.asked, is_away=peer.is_away)
            peer.wanted_until = float("inf")
        for seat, peer in list(self._peers.items()):
            if seat not in seats and peer.wanted_until == float("inf"):
                peer.wanted_until = now + _LINGER_SECONDS
                peer.is_away |= peer.is_silent(now)
            if max(peer.wanted_until, peer.last_at + _FORGET_SECONDS) < now:
                del self._peers[seat]

    def take(self, interface: str, part: Part, now: float) -> bool:
        """Take a packet of a node; return whether what is known changed."""
        peer = self._peers.setdefault((interface, part.node), Peer(now))
        was_silent, was_away = not peer.lives(now), peer.is_away or peer.is_missed(now)
        is_newer = peer.take(part, now)
        if was_away:
            peer.is_away, peer.back_at = False, now
        if not is_newer:
            return was_silent
        before, peer.table = peer.table, joined(peer.parts.values())
        peer.parts, peer.sequence = {}, part.sequence
        was_known, peer.is_known = peer.is_known, True
        gone = before.held if peer.table.leaving else before.held - peer.table.held
        self._released.update(dict.fromkeys(gone, now))
        if peer.table.leaving:
            peer.table = Table(declined=peer.table.declined, leaving=True)
        for address in peer.table.held:
            self._released.pop(address, None)
        return was_silent or not was_known or peer.table != before

    def get(self, interface: str, node: str) -> Peer | None:
        """Return what is known of a node; None where it cannot be asked."""
        return self._peers.get((interface, node))

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes that are asked on some LAN, or were lately."""
        return frozenset(node for _, node in self._peers)

    def is_back(self, interface: str, node: str, now: float) -> bool:
        """Return whether a node was silent until now: it may have announced addresses on another part of the LAN."""
        peer = self.get(interface, node)
        return peer is not None and peer.back_at == now

    def holders(self, interface: str, address: Address, now: float) -> Iterator[str]:
        """Yield the nodes that live and say that they announce `address`."""
        for (where, node), peer in self._peers.items():
            if where == interface and address in peer.table.held and peer.lives(now):
                yield node

    def was_released(self, address: Address, now: float) -> bool:
        """Return whether the last holder of an address released it just now."""
        return now - self._released.get(address, -1e9) <= RELEASED_SECONDS

    def forget_release(self, address: Address) -> None:
        """Take note that somebody has it now."""
        self._released.pop(address, None)

    def targets(self, now: float) -> dict[Seat, bool]:
        """Return the nodes to say hello to, each with whether only because that node asks."""
        found = {}
        for seat, peer in self._peers.items():
            if peer.wanted_until >= now:
                found[seat] = False
            elif now - peer.asked <= _ASKED_SECONDS:
                found[seat] = True
        return found

    def restart_clocks(self, now: float) -> None:
        """Count silence from now on: this process stood still."""
        for peer in self._peers.values():
            peer.is_away |= peer.is_missed(now)
            peer.last_at = max(peer.last_at, now)

    def next_death(self, now: float) -> float:
        """Return when the next node is dead if it stays silent."""
        ends = (peer.last_at + DETECT_SECONDS for peer in self._peers.values())
        return min((end for end in ends if end >= now), default=float("inf"))
