"""Finds by how many nodes each Service is announced, from the reports of the speakers. Pure.

It keeps the reports unpacked, and looks again at a Service only when it changed or a report of one of its addresses
did; at most `LOOKED_AT` Services a round, so that a report about thousands of them delays no other decision.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from exalb.api.announced import NOTHING, Announced, Block, place, unpack
from exalb.api.speaker import BGPSpeakerStatus, is_stale
from exalb.model.cluster import Cluster, Key, SpeakerReport
from exalb.model.diff import changed_keys
from exalb_bgp.rib import Address
from exalb_bgp.session import State

LOOKED_AT = 500
L2 = "(L2)"
"""Stands for the hosts of a LAN among the peers; no object can have this name."""


class Count(NamedTuple):
    """How many nodes announce a Service to how many peers, and how many on a LAN."""

    nodes: int
    peers: int
    on_lan: int
    missing: tuple[Address, ...]
    """The addresses that no node announces."""


class AnnouncedServices:
    """The sessions of all nodes with the prefixes that they announce, and the Services whose count may differ."""

    def __init__(self) -> None:
        self._last = Cluster()
        self._sessions: dict[str, dict[str, Announced]] = {}
        """By node and peer."""
        self._unknown: set[str] = set()
        """Nodes whose report is stale, or does not say what they announce."""
        self._holders: dict[Block, dict[int, set[Key]]] = {}
        """The Services that have an address, by its place."""
        self._changed: dict[Block, int] = {}
        self._to_look_at: dict[Key, None] = {}

    def update(self, cluster: Cluster) -> None:
        """Take a new snapshot."""
        was_complete = self.is_complete
        last, self._last = self._last, cluster
        for key in changed_keys(last.services, cluster.services):
            before, after = last.services.get(key), cluster.services.get(key)
            for block, bit in map(place, before.held if before else ()):
                self._leave(key, block, bit)
            for block, bit in map(place, after.held if after else ()):
                self._holders.setdefault(block, {}).setdefault(bit, set()).add(key)
            self._to_look_at[key] = None
        changed = {*changed_keys(last.speakers, cluster.speakers), *(last.nodes.keys() ^ cluster.nodes.keys())}
        for name in changed:
            speaker = cluster.speakers.get(name) if name in cluster.nodes else None
            if not _says_the_same(last.speakers.get(name), speaker) or name not in last.nodes:
                self._take(name, speaker)
        self._mark_changed()
        if self.is_complete and not was_complete:
            self._to_look_at.update(dict.fromkeys(cluster.services))

    def _leave(self, key: Key, block: Block, bit: int) -> None:
        """Forget that a Service has an address, and the address that no other Service has."""
        keys = self._holders[block][bit]
        keys.discard(key)
        if not keys:
            del self._holders[block][bit]
        if not self._holders[block]:
            del self._holders[block]

    def _take(self, node: str, speaker: SpeakerReport | None) -> None:
        """Take the report of one node; a stale one says nothing that can be relied on."""
        before = self._sessions.pop(node, {})
        self._unknown.discard(node)
        if speaker is None:
            after: dict[str, Announced] = {}
        elif is_stale(speaker.observed):
            after = {}
            self._unknown.add(node)
        else:
            after = dict(self._read(node, speaker.observed))
        if after:
            self._sessions[node] = after
        for peer in before.keys() | after.keys():
            self._mark(before.get(peer, NOTHING), after.get(peer, NOTHING))

    def _read(self, node: str, observed: BGPSpeakerStatus) -> Iterator[tuple[str, Announced]]:
        if observed.l2 and (on_lan := unpack(observed.l2.announced or ())):
            yield L2, on_lan
        for session in observed.sessions:
            if session.state is not State.ESTABLISHED:
                continue
            announced = None if session.announced is None else unpack(session.announced)
            if announced is None:
                self._unknown.add(node)
            else:
                yield session.peer, announced

    def _mark(self, before: Announced, after: Announced) -> None:
        """Look again at the Services of all addresses that differ."""
        for block, bits in before.changed(after):
            self._changed[block] = self._changed.get(block, 0) | bits
        others = before.others ^ after.others
        for key, service in self._last.services.items() if others else ():
            if any(address in prefix for prefix in others for address in service.held):
                self._to_look_at[key] = None

    def _mark_changed(self) -> None:
        """Look again at the Services of the changed bits: each once, however many nodes changed them."""
        for block, bits in self._changed.items():
            for bit, keys in self._holders.get(block, {}).items():
                if bits >> bit & 1:
                    self._to_look_at.update(dict.fromkeys(keys))
        self._changed.clear()

    @property
    def has_more(self) -> bool:
        """Whether there are Services to look at."""
        return bool(self._to_look_at)

    @property
    def is_complete(self) -> bool:
        """Whether every speaker says what it announces, and there is one: else a Service may be announced unseen."""
        return bool(self._last.speakers) and not self._unknown

    def take(self) -> list[Key]:
        """Return the next Services to look at."""
        keys = list(islice(self._to_look_at, LOOKED_AT))
        for key in keys:
            del self._to_look_at[key]
        return keys

    def count(self, addresses: Iterable[Address]) -> Count:
        """Count the nodes and the peers that have some of the addresses."""
        nodes, peers, on_lan, missing = set[str](), set[str](), set[str](), list[Address]()
        for address in addresses:
            block, bit = place(address)
            having = [
                (node, peer)
                for node, sessions in self._sessions.items()
                for peer, announced in sessions.items()
                if announced.has(address, block, bit)
            ]
            nodes.update(node for node, peer in having if peer != L2)
            peers.update(peer for _, peer in having if peer != L2)
            on_lan.update(node for node, peer in having if peer == L2)
            missing += [] if having else [address]
        return Count(len(nodes), len(peers), len(on_lan), tuple(missing))


def _says_the_same(before: SpeakerReport | None, after: SpeakerReport | None) -> bool:
    """Whether a report differs in nothing that counts here, as with a heartbeat."""
    if before is None or after is None:
        return before is after
    same_sessions = _content(before) == _content(after)
    return same_sessions and is_stale(before.observed) == is_stale(after.observed)


def _content(speaker: SpeakerReport) -> Mapping[str, object]:
    sessions = {session.peer: (session.state, session.announced) for session in speaker.observed.sessions}
    return {**sessions, L2: speaker.observed.l2 and speaker.observed.l2.announced}
