"""All sessions of one speaker: the goal, the status, and the next steps. No clock, no input or output."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from exalb_bgp import session_status
from exalb_bgp.events import CloseCause, Closed, EndOfRibSent, Established, Event, Negotiated, Snapshot, UpdateSent
from exalb_bgp.paths import completed
from exalb_bgp.peer_sync import PeerSync
from exalb_bgp.rib import Address, Attributes, Prefix, Rib, without_zone
from exalb_bgp.session import KEPT_ENDS, Session, SessionCounts, SessionStatus
from exalb_bgp.speaker import Speaker, SpeakerStatus
from exalb_bgp.steps import Announce, Step, Withdraw

Held = Mapping[Address, dict[Prefix, Attributes]]
"""The routes that the engine holds for each peer, as read back."""
_NOTHING: Rib = {}
_UNRESPONSIVE_AFTER = 2
"""After this many timeouts in a row, a peer counts as unresponsive."""
_SET_BACK = timedelta(seconds=1)
"""A clock that goes back by less is corrected, not set."""
_MAXIMUM_DOUBLINGS = 6
"""How often the timeout of a peer is doubled at most."""


class SpeakerSync:
    """Keeps the state of all peers by events and answers, and yields the steps that lead to the goal."""

    def __init__(self) -> None:
        self._goal = Speaker()
        self._names: dict[Address, str] = {}
        self._wanted: dict[str, int] = {}
        self._problems: Mapping[str, str] = {}
        self._peers: dict[Address, PeerSync] = {}
        self._statuses: dict[Address, SessionStatus] = {}
        self._counts: dict[Address, SessionCounts] = {}
        self._reset: dict[Address, str] = {}
        """Why this end is about to close a session."""
        self._latest = datetime.min.replace(tzinfo=UTC)
        """The time at the last event or question."""

    def set_desired(self, goal: Speaker, problems: Mapping[str, str]) -> None:
        """Set a new goal. Sessions in `problems` stay closed; the routes of removed ones are withdrawn first."""
        self._goal, self._problems = goal, problems
        self._wanted = {name: len(goal.ribs.get(name, _NOTHING)) for name in goal.sessions}
        self._names = {
            without_zone(session.peer_address): name for name, session in goal.sessions.items() if name not in problems
        }
        for address, peer_sync in self._peers.items():
            if address not in self._names:
                peer_sync.set_desired(peer_sync.session, _NOTHING)
        for address, name in self._names.items():
            session = goal.sessions[name]
            if address not in self._peers:
                self._peers[address], self._counts[address] = PeerSync(session), SessionCounts()
                self._statuses[address] = session_status.started(session)
            peer_sync = self._peers[address]
            if _identity(session) != _identity(peer_sync.session) and not peer_sync.established:
                peer_sync.forget()
            self._set_peer_goal(address)

    def _set_peer_goal(self, address: Address) -> None:
        """Give a peer its part of the goal; if its local address is to change, all its routes are withdrawn first.

        For the peer that is another neighbor, and it would keep the routes of the first one for the restart time.
        """
        if name := self._names.get(address):
            peer_sync, session = self._peers[address], self._goal.sessions[name]
            moves = peer_sync.moves_to(session)
            peer_sync.set_desired(session, _NOTHING if moves else self._goal.ribs.get(name, _NOTHING))

    def sessions(self, include_withdrawing: bool = True) -> list[Session]:
        """Return the sessions to run: those of the goal, and removed ones whose routes are being withdrawn."""
        return [
            peer_sync.session
            for address, peer_sync in self._peers.items()
            if address in self._names or (include_withdrawing and peer_sync.has_routes)
        ]

    @property
    def withdrawing(self) -> bool:
        """Whether a session that is removed, or changes its address, still has routes."""
        return any(
            peer_sync.has_routes
            for address, peer_sync in self._peers.items()
            if address not in self._names or peer_sync.moves_to(peer_sync.session)
        )

    def prune(self, running: Collection[Address]) -> None:
        """Forget the sessions that are neither desired nor running."""
        for address in [address for address in self._peers if address not in (*self._names, *running)]:
            del self._peers[address], self._statuses[address], self._counts[address]

    def established(self, peer: Address) -> bool:
        """Whether the session with this peer is Established."""
        peer_sync = self._peers.get(peer)
        return peer_sync is not None and peer_sync.established

    def describe(self, peer: Address) -> tuple[str, str | None]:
        """Return the name of a peer (its address if it is no longer desired) and its last error."""
        known = self._statuses.get(peer)
        return self._names.get(peer, str(peer)), known.last_error if known else None

    def note_reset(self, peer: Address, reason: str) -> bool:
        """Note why this end closes a session, for its status; return False if it is not Established."""
        if self.established(peer):
            self._reset[peer] = reason
        return self.established(peer)

    def forget(self, peers: Collection[Address]) -> None:
        """Handle that the engine dropped these sessions and all their routes; they start from an empty table."""
        for peer in self._peers.keys() & set(peers):
            peer_sync = self._peers[peer]
            peer_sync.forget()
            self._statuses[peer] = replace(session_status.started(peer_sync.session), since=self._statuses[peer].since)

    def handle_event(self, event: Event, now: datetime) -> None:
        """Handle one event; events of unknown peers are ignored."""
        self._look_at_clock(now)
        peer_sync = self._peers.get(event.peer)
        if peer_sync is None:
            return
        was_up = peer_sync.established
        match event:
            case UpdateSent():
                peer_sync.confirm(event)
                counts = self._counts[event.peer]
                self._counts[event.peer] = replace(counts, updates=counts.updates + 1)
                return
            case EndOfRibSent(family=family):
                peer_sync.complete(family)
                return
            case Negotiated():
                peer_sync.negotiate(event)
            case Established():
                peer_sync.establish()
            case Closed(cause=CloseCause.REMOVED):
                peer_sync.forget()
            case Closed():
                peer_sync.close()
        if isinstance(event, Established | Closed):
            self._set_peer_goal(event.peer)
        status = session_status.observe(self._statuses[event.peer], peer_sync.session, event, now)
        if isinstance(event, Established | Closed) and (reason := self._reset.pop(event.peer, None)):
            status = status if peer_sync.established else replace(status, last_error=reason, ended=reason)
        self._statuses[event.peer] = status
        is_chosen = isinstance(event, Closed) and event.cause is CloseCause.REMOVED
        self._count_transition(event.peer, was_up, now, is_chosen=is_chosen)

    def adopt(self, snapshots: Iterable[Snapshot], held: Held, now: datetime) -> None:
        """Adopt an engine that was running before: the states of its sessions and their routes."""
        self._look_at_clock(now)
        snapshots_by_peer = {snapshot.peer: snapshot for snapshot in snapshots}
        for address, peer_sync in self._peers.items():
            old, was_up = self._statuses[address], peer_sync.established
            if address not in snapshots_by_peer:
                peer_sync.forget()
                new = session_status.started(peer_sync.session)
                self._statuses[address] = replace(new, last_error=old.last_error, ended=old.ended)
                self._count_transition(address, was_up, now)
                continue
            snapshot, session = snapshots_by_peer[address], peer_sync.session
            table = {prefix: completed(path, session) for prefix, path in held.get(address, _NOTHING).items()}
            peer_sync.adopt(snapshot, table)
            self._statuses[address] = session_status.adopted(old, session, snapshot, now)
            self._count_transition(address, was_up, now)
            self._set_peer_goal(address)

    def _look_at_clock(self, now: datetime) -> None:
        """Forget the ends if the clock was set back: nobody knows then how long ago they were."""
        if self._latest - now > _SET_BACK:
            self._counts = {peer: replace(counts, ends=(), why="") for peer, counts in self._counts.items()}
        self._latest = now

    def _count_transition(self, peer: Address, was_up: bool, now: datetime, *, is_chosen: bool = False) -> None:
        """Count that a session came up or went down; an end that is chosen here, by an edit, is no sign of a fault."""
        counts, is_up = self._counts[peer], self._peers[peer].established
        if is_up and not was_up:
            self._counts[peer] = replace(counts, established=counts.established + 1)
        elif was_up and not is_up:
            counts = replace(counts, closed=counts.closed + 1)
            ends, why = (*counts.ends, now)[-KEPT_ENDS:], self._statuses[peer].ended or ""
            self._counts[peer] = counts if is_chosen else replace(counts, ends=ends, why=why)

    def steps(self) -> Iterator[Step]:
        """Yield the next steps for every peer; they count as in flight.

        Peers get the same prefixes at the same time: a peer with many pending prefixes follows one with few.
        """
        announced: dict[Prefix, None] = {}
        for peer_sync in sorted(self._peers.values(), key=lambda peer_sync: peer_sync.pending):
            for step in peer_sync.steps(announced):
                if isinstance(step, Announce) and len(self._peers) > 1:
                    announced.update(dict.fromkeys(step.prefixes))
                yield step

    def answered(self, step: Step, done: bool) -> None:
        """Handle the engine's answer to a step."""
        peer_sync = self._peers.get(without_zone(step.session.peer_address))
        if peer_sync is not None and isinstance(step, Announce | Withdraw):
            peer_sync.acknowledge(step.prefixes, done)

    def mark_unsent(self, step: Step) -> None:
        """Handle that a step never reached the engine; the goal decides the next step."""
        peer_sync = self._peers.get(without_zone(step.session.peer_address))
        if peer_sync is not None:
            peer_sync.mark_unsent(step)

    def agrees(self, snapshots: Iterable[Snapshot]) -> bool:
        """Return whether all sessions are as known, so that none opened or closed without an event."""
        snapshots_by_peer = {snapshot.peer: snapshot for snapshot in snapshots}
        return all(peer_sync.agrees(snapshots_by_peer.get(address)) for address, peer_sync in self._peers.items())

    @property
    def is_quiescent(self) -> bool:
        """Whether nothing is in flight to a responsive peer."""
        return not any(
            peer_sync.waiting and peer_sync.current.timeouts < _UNRESPONSIVE_AFTER for peer_sync in self._peers.values()
        )

    @property
    def waiting(self) -> list[Address]:
        """Return the Established peers for which something is in flight."""
        return [address for address, peer_sync in self._peers.items() if peer_sync.waiting]

    def timeout_factor(self, peer: Address) -> int:
        """Return the factor of the timeout of a peer: it doubles with each timeout."""
        return 1 << min(self._peers[peer].current.timeouts, _MAXIMUM_DOUBLINGS)

    def time_out(self, peer: Address) -> None:
        """Time out the operations in flight to a peer; see `PeerSync.time_out`."""
        self._peers[peer].time_out()

    @property
    def settled(self) -> bool:
        """Whether every Established peer has its whole table."""
        return all(peer_sync.settled for peer_sync in self._peers.values())

    def status(self, connected: bool, now: datetime) -> SpeakerStatus:
        """Return the status at `now`, by peer name."""
        self._look_at_clock(now)
        statuses = {
            name: SessionStatus(wanted=self._wanted[name], last_error=why) for name, why in self._problems.items()
        }
        for address, name in self._names.items():
            peer_sync, known = self._peers[address], self._statuses[address]
            statuses[name] = replace(
                known,
                wanted=self._wanted[name],
                sent=peer_sync.sent,
                unsent=peer_sync.current.difference.listed,
                last_error=_error(peer_sync) or known.last_error,
                settled=peer_sync.settled,
                counts=self._counts[address],
            )
        return SpeakerStatus(connected, statuses)


def _error(peer_sync: PeerSync) -> str | None:
    """Return the reason why an Established session has less than its whole table, or None."""
    current = peer_sync.current
    if current.timeouts >= _UNRESPONSIVE_AFTER:
        return session_status.unwritten(peer_sync.session)
    if current.difference.too_large:
        return session_status.too_large(current.difference.too_large)
    return session_status.refused(current.refused) if current.refused else None


def _identity(session: Session) -> tuple[object, ...]:
    """Return the parameters by which an engine identifies a session: if one changes, it drops all its routes."""
    return session.router_id, session.local_asn, session.peer_asn, session.local_address
