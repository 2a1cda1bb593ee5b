"""All sessions of one speaker: the goal, what is known, and what to do next. No clock, no input or output."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from ipaddress import IPv6Address

from exalb_bgp import status as words
from exalb_bgp.convergence import Adjacency
from exalb_bgp.events import Closed, Completed, Established, Event, Negotiated, Snapshot, Updated
from exalb_bgp.paths import completed
from exalb_bgp.rib import Address, Attributes, Prefix, Rib
from exalb_bgp.session import Session, SessionStatus, State
from exalb_bgp.speaker import Speaker, SpeakerStatus
from exalb_bgp.steps import Announce, Step, Withdraw

Held = Mapping[Address, dict[Prefix, Attributes]]
"""What the engine holds for each peer, as read back from it."""
_NOTHING: Rib = {}
_DEAF = 2
"""How often in a row a peer is given up before it counts as one that takes nothing in."""
_LONGEST = 6
"""How often the time that a peer is waited for is doubled at most."""


def bare(address: Address) -> Address:
    """Return an address without its scope: an engine knows a peer by the number alone."""
    return IPv6Address(int(address)) if isinstance(address, IPv6Address) else address


class Engine:
    """Folds events and answers into one picture, and tells which steps lead to the goal."""

    def __init__(self) -> None:
        self._goal = Speaker()
        self._names: dict[Address, str] = {}
        self._wanted: dict[str, int] = {}
        self._problems: Mapping[str, str] = {}
        self._adjacencies: dict[Address, Adjacency] = {}
        self._statuses: dict[Address, SessionStatus] = {}

    def desire(self, goal: Speaker, problems: Mapping[str, str]) -> None:
        """Take a new goal. Sessions in `problems` stay closed; those that went are emptied first."""
        self._goal, self._problems = goal, problems
        self._wanted = {name: len(goal.ribs.get(name, _NOTHING)) for name in goal.sessions}
        self._names = {
            bare(session.peer_address): name for name, session in goal.sessions.items() if name not in problems
        }
        for address, adjacency in self._adjacencies.items():
            if address not in self._names:
                adjacency.desire(adjacency.session, _NOTHING)
        for address, name in self._names.items():
            session = goal.sessions[name]
            adjacency = self._adjacencies.setdefault(address, Adjacency(session))
            self._statuses.setdefault(address, words.started(session))
            if _identity(session) != _identity(adjacency.session) and not adjacency.established:
                adjacency.forget()
            self._aim(address)

    def _aim(self, address: Address) -> None:
        """Give a peer its part of the goal; one that is to be called from another address is emptied first.

        To the peer that is another neighbour, and it would keep what the first one told it for its restart time.
        """
        if name := self._names.get(address):
            adjacency, session = self._adjacencies[address], self._goal.sessions[name]
            moves = _moves(adjacency, session)
            adjacency.desire(session, _NOTHING if moves else self._goal.ribs.get(name, _NOTHING))

    def sessions(self, patient: bool = True) -> list[Session]:
        """Return the sessions that shall run: the goal's, and while `patient` those that are being emptied."""
        return [
            adjacency.session
            for address, adjacency in self._adjacencies.items()
            if address in self._names or (patient and self._emptying(adjacency))
        ]

    @property
    def emptying(self) -> bool:
        """Whether a session that is no longer desired, or from another address, is not yet empty."""
        return any(
            self._emptying(adjacency)
            for address, adjacency in self._adjacencies.items()
            if address not in self._names or _moves(adjacency, adjacency.session)
        )

    @staticmethod
    def _emptying(adjacency: Adjacency) -> bool:
        return adjacency.established and bool(adjacency.wire or adjacency.flight or adjacency.repeated)

    def prune(self, running: Collection[Address]) -> None:
        """Forget the sessions that are neither desired nor run any more."""
        for address in [address for address in self._adjacencies if address not in (*self._names, *running)]:
            del self._adjacencies[address], self._statuses[address]

    def established(self, peer: Address) -> bool:
        """Whether the session with this peer is Established."""
        adjacency = self._adjacencies.get(peer)
        return adjacency is not None and adjacency.established

    def forget(self, peers: Collection[Address]) -> None:
        """Take note that the engine dropped these sessions and all it held for them; they begin from nothing."""
        for peer in self._adjacencies.keys() & set(peers):
            adjacency = self._adjacencies[peer]
            adjacency.forget()
            self._statuses[peer] = replace(words.started(adjacency.session), since=self._statuses[peer].since)

    def fold(self, event: Event, now: datetime) -> None:
        """Take one event; events of unknown peers tell nothing."""
        adjacency = self._adjacencies.get(event.peer)
        if adjacency is None:
            return
        match event:
            case Updated():
                adjacency.confirm(event)
                return
            case Completed(family=family):
                adjacency.complete(family)
                return
            case Negotiated():
                adjacency.negotiate(event)
            case Established():
                adjacency.establish()
            case Closed(reason=reason) if reason.startswith("stop, message"):
                adjacency.forget()
            case Closed():
                adjacency.close()
        if isinstance(event, Established | Closed):
            self._aim(event.peer)
        self._statuses[event.peer] = words.observe(self._statuses[event.peer], adjacency.session, event, now)

    def adopt(self, snapshots: Iterable[Snapshot], held: Held, now: datetime) -> None:
        """Take up an engine that was running before: the states of its sessions and what it holds for them."""
        found = {snapshot.peer: snapshot for snapshot in snapshots}
        for address, adjacency in self._adjacencies.items():
            old = self._statuses[address]
            adjacency.forget()
            if address not in found:
                new = words.started(adjacency.session)
                self._statuses[address] = replace(new, last_error=old.last_error, ended=old.ended)
                continue
            snapshot, session = found[address], adjacency.session
            table = {prefix: completed(path, session) for prefix, path in held.get(address, _NOTHING).items()}
            if snapshot.local_address is not None:
                extended, families = snapshot.extended_next_hop, snapshot.families
                adjacency.negotiate(Negotiated(address, snapshot.local_address, families, extended))
            if snapshot.state is State.ESTABLISHED:
                adjacency.adopt(table, snapshot.completed)
            else:
                adjacency.held = table
            self._statuses[address] = words.adopted(old, adjacency.session, snapshot, now)
            self._aim(address)

    def steps(self) -> Iterator[Step]:
        """Yield what shall be done next, for every peer; what is yielded counts as under way.

        Peers are told the same prefixes at the same time: who has most before it goes along with who has least.
        """
        told: dict[Prefix, None] = {}
        for adjacency in sorted(self._adjacencies.values(), key=lambda adjacency: adjacency.untold):
            for step in adjacency.steps(told):
                if isinstance(step, Announce):
                    told.update(dict.fromkeys(step.prefixes))
                yield step

    def answered(self, step: Step, done: bool) -> None:
        """Take the engine's answer to a step."""
        adjacency = self._adjacencies.get(bare(step.session.peer_address))
        if adjacency is not None and isinstance(step, Announce | Withdraw):
            adjacency.acknowledge(step.prefixes, done)

    def unheard(self, step: Step) -> None:
        """Take note that the engine never heard of a step; what is due instead is for the goal to say."""
        adjacency = self._adjacencies.get(bare(step.session.peer_address))
        if adjacency is not None:
            adjacency.unask(step)

    def agrees(self, snapshots: Iterable[Snapshot]) -> bool:
        """Tell whether all sessions are as known: then nobody opened or closed one unseen, or counts on what is not."""
        found = {snapshot.peer: snapshot for snapshot in snapshots}
        return all(_agree(adjacency, found.get(address)) for address, adjacency in self._adjacencies.items())

    @property
    def calm(self) -> bool:
        """Whether nothing is under way to a peer that takes anything in."""
        return not any(adjacency.waiting and adjacency.given_up < _DEAF for adjacency in self._adjacencies.values())

    @property
    def waiting(self) -> list[Address]:
        """Return the Established peers for which something is under way."""
        return [address for address, adjacency in self._adjacencies.items() if adjacency.waiting]

    def patience(self, peer: Address) -> int:
        """Tell how many times as long as at first a peer is to be waited for: longer each time it is given up."""
        return 1 << min(self._adjacencies[peer].given_up, _LONGEST)

    def abandon(self, peer: Address) -> None:
        """Give up on what a peer has been waiting for; see `Adjacency.abandon`."""
        self._adjacencies[peer].abandon()

    @property
    def settled(self) -> bool:
        """Whether every Established peer was told its whole table."""
        return all(adjacency.settled for adjacency in self._adjacencies.values())

    def status(self, connected: bool) -> SpeakerStatus:
        """Return what is known, by peer name."""
        told = {name: SessionStatus(wanted=self._wanted[name], last_error=why) for name, why in self._problems.items()}
        for address, name in self._names.items():
            adjacency, known = self._adjacencies[address], self._statuses[address]
            error = known.last_error
            if adjacency.given_up >= _DEAF:
                error = words.unwritten(adjacency.session)
            elif adjacency.refused:
                error = words.refused(adjacency.refused)
            told[name] = replace(known, wanted=self._wanted[name], sent=adjacency.sent, last_error=error)
        return SpeakerStatus(connected, told)


def _agree(adjacency: Adjacency, found: Snapshot | None) -> bool:
    if found is None or found.state is not State.ESTABLISHED:
        return not adjacency.established
    known = adjacency.families, adjacency.local_address, adjacency.extended_next_hop
    return adjacency.established and known == (found.families, found.local_address, found.extended_next_hop)


def _moves(adjacency: Adjacency, session: Session) -> bool:
    """Tell whether the session that is up has another address at this end than it shall have."""
    now, then = adjacency.local_address, session.local_address
    return adjacency.established and now is not None and then is not None and bare(now) != bare(then)


def _identity(session: Session) -> tuple[object, ...]:
    """Return what makes ExaBGP take a session for another one and drop all it holds for it."""
    return session.router_id, session.local_asn, session.peer_asn, session.local_address
