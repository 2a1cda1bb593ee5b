"""Brings one peer to its desired table: routes on the wire, operations in flight, next steps. No clock, no I/O.

An engine may send a wrong table when a prefix changes twice within one of its flushes, and lose or leak prefixes that
change while a session is down (ExaBGP 5.0 does). Hence the rules: at most one operation in flight for a prefix, over
when the UPDATE was written; nothing is issued for a peer that is not up; a route that the engine sends again at first
changes only after its UPDATE was seen; End-of-RIB follows the whole table, once a session.

A prefix of an Established session is in one of these states. A new goal and each event evaluate it again:

    state             kept in                        next step           ends with
    as desired        wire                           none                other desired attributes
    to announce       difference.to_announce         Announce            the step, which puts it in flight
    to withdraw       difference.to_withdraw         Withdraw            the step, which puts it in flight
    in flight         in_flight                      none                its UPDATE; a refusal; a timeout
    awaiting resend   awaiting_resend                none                its UPDATE; a timeout
    lost              lost (a first timeout)         the same once more  its UPDATE; a second timeout: refused
    refused           refused                        none                other desired attributes; a late UPDATE
    too large         difference.too_large           Withdraw if held    desired attributes that fit
    not carried       difference.unsent alone        Withdraw if held    a family or a next hop that is negotiated

When the session closes, `retained` keeps what the engine will send again: the wire with the acknowledged operations.
Operations without an answer stay in flight as stale ones, because the engine may still execute them.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from exalb_bgp.events import Negotiated, Snapshot, UpdateSent
from exalb_bgp.paths import NOT_DESIRED, Carriage, Carried
from exalb_bgp.peer_state import CHUNK, CurrentSession, Operation, chunks, put
from exalb_bgp.rib import Attributes, Prefix, Rib, changed, without_zone
from exalb_bgp.session import Family, Session, State
from exalb_bgp.steps import Announce, EndOfRib, ResendAll, Step, Withdraw

WINDOW = 384
"""Prefixes that may be announced and not yet confirmed: few enough that a withdrawal need not wait long behind them."""


class PeerSync:
    """One peer: the goal, the wire, and the difference between them, which every event keeps up to date."""

    def __init__(self, session: Session) -> None:
        self.session = session
        """The parameters of the goal."""
        self.current = CurrentSession()
        """The session as it is; a fresh one while it is down."""
        self.in_flight: dict[Prefix, Operation] = {}
        self._desired: Rib = {}
        self._negotiated: Negotiated | None = None
        self._carriage = Carriage(session, None)
        self._retained: dict[Prefix, Attributes] = {}
        """While the session is down: the routes that the engine will send again when it is up."""

    @property
    def established(self) -> bool:
        """Whether the session is Established."""
        return self.current.established

    @property
    def sent(self) -> int:
        """Count the prefixes of the goal that the peer holds as desired."""
        return len(self._desired) - len(self.current.difference.unsent) if self.established else 0

    @property
    def waiting(self) -> bool:
        """Whether something is in flight that the engine has not written yet."""
        unwritten = not all(self.current.end_of_rib.values())
        return self.established and bool(self.in_flight or self.current.awaiting_resend or unwritten)

    @property
    def has_routes(self) -> bool:
        """Whether the peer holds routes, or may still get some."""
        return self.established and bool(self.current.wire or self.in_flight or self.current.awaiting_resend)

    @property
    def settled(self) -> bool:
        """Whether all routes that the session can carry are announced, and nothing is in flight."""
        ended = all(self.current.end_of_rib.get(family) for family in self._families)
        return not self.established or (self._complete and not self.current.resend_due and ended)

    @property
    def pending(self) -> int:
        """Count the prefixes that wait to be announced."""
        return len(self.current.difference.to_announce)

    @property
    def _complete(self) -> bool:
        return not (self.current.difference.actions or self.in_flight or self.current.awaiting_resend)

    @property
    def _families(self) -> frozenset[Family]:
        return self._negotiated.families if self._negotiated else frozenset()

    def agrees(self, snapshot: Snapshot | None) -> bool:
        """Return whether the session is as in the snapshot, so that it neither opened nor closed without an event."""
        if snapshot is None or snapshot.state is not State.ESTABLISHED:
            return not self.established
        return self.established and self._negotiated == snapshot.negotiated

    def moves_to(self, session: Session) -> bool:
        """Return whether the session is up with another local address than the one of `session`."""
        if not self.established or self._negotiated is None or session.local_address is None:
            return False
        return without_zone(self._negotiated.local_address) != without_zone(session.local_address)

    def set_desired(self, session: Session, rib: Rib) -> None:
        """Set a new goal; only changed prefixes are evaluated again."""
        old, alike = self._desired, session.families == self.session.families
        self._desired = rib
        if session != self.session:
            self.session, self._carriage = session, Carriage(session, self._negotiated)
        self._reevaluate(changed(old, rib) if alike else dict.fromkeys((*old, *rib, *self.current.wire)))

    def negotiate(self, result: Negotiated | None) -> None:
        """Store the result of the negotiation."""
        self._negotiated, self._carriage = result, Carriage(self.session, result)

    def establish(self) -> None:
        """Begin a session: the peer holds nothing, and the engine sends again all routes that it holds."""
        self.close()
        self.current = CurrentSession(established=True, awaiting_resend=self._retained)
        self._retained = {}
        self._reevaluate(dict.fromkeys((*self._desired, *self.current.awaiting_resend, *self.in_flight)))

    def close(self) -> None:
        """End the session; the engine sends acknowledged routes again, the others are uncertain until it answers."""
        if self.established:
            self._retained = self.current.wire | self.current.awaiting_resend
        uncertain: dict[Prefix, Operation] = {}
        for prefix, operation in self.in_flight.items():
            if operation.acknowledged:
                put(self._retained, prefix, operation.attributes)
            else:
                uncertain[prefix] = replace(operation, stale=True)
        self.current, self.in_flight = CurrentSession(), uncertain

    def forget(self) -> None:
        """Handle that the engine dropped all routes of the peer."""
        self.current, self.in_flight = CurrentSession(), {}
        self._retained = {}
        self.negotiate(None)

    def adopt(self, snapshot: Snapshot, held: dict[Prefix, Attributes]) -> None:
        """Adopt a session of an engine that was running before, with the routes that the engine holds for the peer."""
        self.forget()
        self.negotiate(snapshot.negotiated)
        if snapshot.state is not State.ESTABLISHED:
            self._retained = held
            return
        self.current = CurrentSession(established=True, wire=held, end_of_rib=dict.fromkeys(snapshot.completed, True))
        self._reevaluate(dict.fromkeys((*self._desired, *held)))

    def acknowledge(self, prefixes: Iterable[Prefix], done: bool) -> None:
        """Handle the engine's answer to a command: it holds the change now, or (`done` false) refused it."""
        acknowledged: dict[int, Operation] = {}
        for prefix in prefixes:
            operation = self.in_flight.get(prefix)
            if operation is None or operation.acknowledged:
                continue
            if done and self.established:
                if id(operation) not in acknowledged:
                    acknowledged[id(operation)] = replace(operation, acknowledged=True)
                self.in_flight[prefix] = acknowledged[id(operation)]
                continue
            del self.in_flight[prefix]
            if done:
                put(self._retained, prefix, operation.attributes)
            elif self.established:
                self.current.refused[prefix] = operation.attributes
            self._reevaluate((prefix,))

    def mark_unsent(self, step: Step) -> None:
        """Treat a step as not issued: it never reached the engine."""
        match step:
            case Announce(prefixes=prefixes) | Withdraw(prefixes=prefixes):
                for prefix in prefixes:
                    self.in_flight.pop(prefix, None)
                self._reevaluate(prefixes)
            case EndOfRib(family=family):
                if not self.current.end_of_rib.get(family):
                    self.current.end_of_rib.pop(family, None)
            case ResendAll():
                self.current.resend_due = self.established

    def confirm(self, event: UpdateSent) -> None:
        """Handle a written UPDATE, the only proof that the peer holds a route."""
        current = self.current
        current.timeouts = 0
        if current.refused or current.lost:
            written = chain(*(prefixes for _, prefixes in event.announced), event.withdrawn)
            current.clear_failures(prefix for prefix in written if prefix not in self.in_flight)
        for attributes, prefixes in event.announced:
            self._reevaluate(self._note_announced(attributes, prefixes))
        for prefix in event.withdrawn:
            operation = self.in_flight.get(prefix)
            current.wire.pop(prefix, None)
            if operation and operation.attributes is None:
                del self.in_flight[prefix]
        self._reevaluate(event.withdrawn)

    def _note_announced(self, attributes: Attributes, prefixes: Iterable[Prefix]) -> list[Prefix]:
        """Note announced prefixes of one family; return those to evaluate: the others are on the wire as desired."""
        current, others, known = self.current, list[Prefix](), dict[int, Carried]()
        for prefix in prefixes:
            current.note(prefix, attributes)
            operation = self.in_flight.get(prefix)
            if operation is None or (wanted := operation.attributes) is None:
                others.append(prefix)
                continue
            carried = known.get(id(wanted)) or known.setdefault(id(wanted), self._carriage.of(prefix, wanted))
            if carried.shown == attributes:
                del self.in_flight[prefix]
                if carried.sendable and self._desired.get(prefix) == wanted:
                    current.difference.unsent.discard(prefix)
                    continue
            others.append(prefix)
        return others

    def complete(self, family: Family) -> None:
        """Handle a written End-of-RIB."""
        self.current.timeouts = 0
        self.current.end_of_rib[family] = True

    def time_out(self) -> None:
        """Time out the operations in flight, because the engine answered every command and then wrote nothing.

        It does not hold routes that it did not send again. Others are issued once more; lost again, they are refused.
        """
        current = self.current
        current.timeouts += 1
        current.request_end_of_rib_again()
        late, self.in_flight = self.in_flight, {}
        gone, current.awaiting_resend = current.awaiting_resend, {}
        for prefix, operation in late.items():
            if operation.stale:
                continue
            if prefix in current.lost:
                current.refused[prefix] = operation.attributes
            elif operation.attributes is not None:
                current.resend_due = True
            current.lost.add(prefix)
        self._reevaluate((*late, *gone))

    def steps(self, also_announced: Collection[Prefix] = ()) -> Iterator[Step]:
        """Yield the next steps and count them as in flight; prefixes in `also_announced`, for other peers, go first."""
        if not (current := self.current).established:
            return
        if current.resend_due:
            current.resend_due = False
            yield ResendAll(self.session)
        yield from self._withdrawals(2 * WINDOW - len(self.in_flight))
        yield from self._announcements(WINDOW - len(self.in_flight), also_announced)
        if self._complete:
            for family in sorted(self._families - current.end_of_rib.keys(), key=lambda family: family.value):
                current.end_of_rib[family] = False
                yield EndOfRib(self.session, family)

    def _withdrawals(self, room: int) -> Iterator[Step]:
        groups = dict[int, list[Prefix]]()
        for prefix in self.current.difference.take_to_withdraw(room):
            groups.setdefault(prefix.version, []).append(prefix)
            self.in_flight[prefix] = Operation(None)
        for prefixes in groups.values():
            yield from (Withdraw(self.session, chunk) for chunk in chunks(prefixes))

    def _announcements(self, room: int, also_announced: Collection[Prefix]) -> Iterator[Step]:
        whole = room if room >= self.pending else room - room % CHUNK
        groups: dict[tuple[Attributes, int], list[Prefix]] = {}
        for prefix in self.current.difference.take_to_announce(whole, also_announced):
            groups.setdefault((self._desired[prefix], prefix.version), []).append(prefix)
        for (wanted, _), prefixes in groups.items():
            shown = self._carriage.of(prefixes[0], wanted).shown
            self.in_flight.update(dict.fromkeys(prefixes, Operation(wanted)))
            if shown is not None:
                yield from (Announce(self.session, shown, chunk) for chunk in chunks(prefixes))

    def _reevaluate(self, prefixes: Iterable[Prefix]) -> None:
        """Evaluate these prefixes again: is the wire as desired, and if not, may an operation be issued."""
        current = self.current
        if not current.established:
            return
        refused, flying, resent = current.refused, self.in_flight, current.awaiting_resend
        for prefix in prefixes:  # a look into an empty table is left out, because it hashes the prefix
            wanted, shown = self._desired.get(prefix), current.wire.get(prefix) if current.wire else None
            carried = NOT_DESIRED if wanted is None else self._carriage.of(prefix, wanted)
            right = carried.sendable and carried.shown == shown
            busy = bool(flying and prefix in flying) or bool(resent and prefix in resent)
            if refused and prefix in refused and refused[prefix] != (wanted if carried.sendable else None):
                del refused[prefix]
            idle = not busy and not (refused and prefix in refused)
            current.difference.mark(
                prefix,
                unsent=wanted is not None and not right,
                announce=idle and carried.sendable and not right,
                withdraw=idle and not carried.sendable and shown is not None,
                too_large=not carried.fits,
            )
