"""One peer's way to its table: what it was told, what is under way, what comes next. No clock, no input or output.

ExaBGP 5.0 sends a wrong table when a prefix changes twice within one of its flushes, and loses or leaks prefixes that
change while a session is down. Hence the rules kept here: at most one operation in flight for a prefix, over when the
UPDATE was written; nothing is issued for a peer that is not up; what the engine repeats at the start of a session is
awaited before it is changed; End-of-RIB follows the whole table, once a session.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from exalb_bgp.events import Negotiated, Updated
from exalb_bgp.paths import next_hop, resolve
from exalb_bgp.rib import Address, Attributes, Prefix, Rib, changed
from exalb_bgp.session import Family, Session
from exalb_bgp.steps import Announce, EndOfRib, Replay, Step, Withdraw

WINDOW = 192
"""Prefixes that may be announced and not yet confirmed: few enough for a withdrawal to overtake a bulk."""
CHUNK = 48
"""Prefixes in one command: what one turn of ExaBGP's reactor takes in."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A change on its way to the peer; None as attributes is a withdrawal."""

    attributes: Attributes | None
    stale: bool = False
    """Issued in an earlier session, and not acknowledged before this one began."""
    acknowledged: bool = False


@dataclass(slots=True)
class Adjacency:
    """One peer: the goal, the wire, and the difference between them, which every event keeps up to date."""

    session: Session
    desired: Rib = field(default_factory=dict)
    established: bool = False
    families: frozenset[Family] = frozenset()
    local_address: Address | None = None
    extended_next_hop: bool = False
    wire: dict[Prefix, Attributes] = field(default_factory=dict)
    """What the peer holds, as the UPDATE messages of this session say."""
    held: dict[Prefix, Attributes] = field(default_factory=dict)
    """While the session is down: what the engine will repeat when it is up."""
    repeated: dict[Prefix, Attributes] = field(default_factory=dict)
    """At the start of a session: what the engine has yet to repeat."""
    flight: dict[Prefix, Operation] = field(default_factory=dict)
    refused: dict[Prefix, Attributes | None] = field(default_factory=dict)
    """What the engine would not do in this session; tried again when something else is wanted."""
    completed: set[Family] = field(default_factory=set)
    """The families whose End-of-RIB was written in this session."""
    given_up: int = 0
    """How often in a row what was under way was given up, and nothing was written since."""
    _completing: set[Family] = field(default_factory=set)
    _unsent: set[Prefix] = field(default_factory=set)
    _ready: dict[Prefix, None] = field(default_factory=dict)
    _surplus: dict[Prefix, None] = field(default_factory=dict)
    _lost: set[Prefix] = field(default_factory=set)
    _replay: bool = False

    @property
    def sent(self) -> int:
        """Count the prefixes of the goal that the peer holds as desired."""
        return len(self.desired) - len(self._unsent) if self.established else 0

    @property
    def waiting(self) -> bool:
        """Whether something is under way that the engine has yet to write."""
        return self.established and bool(self.flight or self.repeated or self._completing - self.completed)

    @property
    def settled(self) -> bool:
        """Whether the peer was told all it can be told, and nothing is under way."""
        return not self.established or (self._complete and not self._replay and self.families <= self.completed)

    @property
    def untold(self) -> int:
        """Count the prefixes that wait to be announced."""
        return len(self._ready)

    @property
    def _complete(self) -> bool:
        return not (self._ready or self._surplus or self.flight or self.repeated)

    def desire(self, session: Session, rib: Rib) -> None:
        """Take a new goal; only what changed is looked at."""
        old, alike = self.desired, session.families == self.session.families
        self.desired, self.session = rib, session
        self._judge(changed(old, rib) if alike else dict.fromkeys((*old, *rib, *self.wire)))

    def negotiate(self, event: Negotiated) -> None:
        """Note what the coming session can carry."""
        self.families, self.local_address = event.families, event.local_address
        self.extended_next_hop = event.extended_next_hop

    def establish(self) -> None:
        """Begin a session: the peer holds nothing, and the engine repeats what it holds."""
        self.close()
        self.established = True
        self.repeated, self.held = self.held, {}
        self._judge(dict.fromkeys((*self.desired, *self.repeated, *self.flight)))

    def close(self) -> None:
        """End the session; what the engine acknowledged it will repeat, the rest is uncertain until it answers."""
        held, uncertain = (self.wire | self.repeated if self.established else self.held), {}
        for prefix, operation in self.flight.items():
            if operation.acknowledged:
                _apply(held, prefix, operation.attributes)
            else:
                uncertain[prefix] = replace(operation, stale=True)
        self.held, self.flight, self.wire, self.repeated = held, uncertain, {}, {}
        self.established, self._replay, self.given_up = False, False, 0
        self.refused, self.completed, self._completing = {}, set(), set()
        self._unsent, self._ready, self._surplus, self._lost = set(), {}, {}, set()

    def forget(self) -> None:
        """Note that the engine dropped all it held for the peer."""
        self.close()
        self.held, self.flight, self.families = {}, {}, frozenset()

    def adopt(self, wire: dict[Prefix, Attributes], completed: Iterable[Family]) -> None:
        """Take up a session that was up before: what it carries, and whose End-of-RIB was sent."""
        self.established, self.wire, self.completed = True, wire, set(completed)
        self._judge(dict.fromkeys((*self.desired, *wire)))

    def acknowledge(self, prefixes: Iterable[Prefix], done: bool) -> None:
        """Take the engine's answer to a command: it holds the change now, or (`done` false) refused it."""
        for prefix in prefixes:
            operation = self.flight.get(prefix)
            if operation is None or operation.acknowledged:
                continue
            if done and self.established:
                self.flight[prefix] = replace(operation, acknowledged=True)
                continue
            del self.flight[prefix]
            if done:
                _apply(self.held, prefix, operation.attributes)
            elif self.established:
                self.refused[prefix] = operation.attributes
            self._judge((prefix,))

    def unask(self, step: Step) -> None:
        """Count a step as not issued: the engine never heard of it."""
        match step:
            case Announce(prefixes=prefixes) | Withdraw(prefixes=prefixes):
                for prefix in prefixes:
                    self.flight.pop(prefix, None)
                self._judge(prefixes)
            case EndOfRib(family=family):
                self._completing.discard(family)
            case Replay():
                self._replay = self.established

    def confirm(self, event: Updated) -> None:
        """Take an UPDATE that was written: the only proof of what the peer holds."""
        self.given_up = 0
        if self.refused or self._lost:
            self._forgive(
                prefix for prefixes in (*(p for _, p in event.announced), event.withdrawn) for prefix in prefixes
            )
        for attributes, prefixes in event.announced:
            for prefix in prefixes:
                self.wire[prefix] = attributes
                self.repeated.pop(prefix, None)
                wanted = self.flight[prefix].attributes if prefix in self.flight else None
                if wanted is not None and self._same(prefix, wanted, attributes):
                    del self.flight[prefix]
            self._judge(prefixes)
        for prefix in event.withdrawn:
            operation = self.flight.get(prefix)
            self.wire.pop(prefix, None)
            if operation and operation.attributes is None:
                del self.flight[prefix]
        self._judge(event.withdrawn)

    def complete(self, family: Family) -> None:
        """Take an End-of-RIB that was written."""
        self.given_up = 0
        self.completed.add(family)

    def _forgive(self, prefixes: Iterable[Prefix]) -> None:
        """Count what shows late as neither refused nor lost, so that it is put right where it is wrong."""
        for prefix in prefixes:
            if prefix not in self.flight:
                self.refused.pop(prefix, None)
                self._lost.discard(prefix)

    def abandon(self) -> None:
        """Give up what is in flight: the engine answered every command and has been silent for long.

        What was to be repeated is not held any more; what was issued and did not show is asked for once more, and
        refused when it is lost again. An End-of-RIB is asked for again: ExaBGP drops it with a reload.
        """
        self.given_up += 1
        self._completing = set(self.completed)
        late, self.flight = self.flight, {}
        gone, self.repeated = self.repeated, {}
        for prefix, operation in late.items():
            if operation.stale:
                continue
            if prefix in self._lost:
                self.refused[prefix] = operation.attributes
            elif operation.attributes is not None:
                self._replay = True
            self._lost.add(prefix)
        self._judge((*late, *gone))

    def steps(self, told: Collection[Prefix] = ()) -> Iterator[Step]:
        """Yield what shall be done next, and count it as under way; what other peers are `told` now comes first."""
        if not self.established:
            return
        if self._replay:
            self._replay = False
            yield Replay(self.session)
        yield from self._withdrawals(2 * WINDOW - len(self.flight))
        yield from self._announcements(WINDOW - len(self.flight), told)
        if self._complete:
            for family in sorted(self.families - self.completed - self._completing, key=lambda family: family.value):
                self._completing.add(family)
                yield EndOfRib(self.session, family)

    def _withdrawals(self, room: int) -> Iterator[Step]:
        groups: dict[int, list[Prefix]] = {}
        for prefix in list(islice(self._surplus, max(0, room))):
            groups.setdefault(prefix.version, []).append(prefix)
            del self._surplus[prefix]
            self.flight[prefix] = Operation(None)
        for prefixes in groups.values():
            yield from (Withdraw(self.session, chunk) for chunk in _chunks(prefixes))

    def _announcements(self, room: int, told: Collection[Prefix]) -> Iterator[Step]:
        whole = room if room >= len(self._ready) else room - room % CHUNK
        alike = (prefix for prefix in told if prefix in self._ready)
        others = (prefix for prefix in self._ready if prefix not in told)
        groups: dict[tuple[Attributes, int], list[Prefix]] = {}
        for prefix in list(islice(chain(alike, others), max(0, whole))):
            wanted = self.desired[prefix]
            groups.setdefault((wanted, prefix.version), []).append(prefix)
            del self._ready[prefix]
        for (wanted, _), prefixes in groups.items():
            hop = self._hop(prefixes[0], wanted)
            operation = Operation(wanted)
            self.flight.update(dict.fromkeys(prefixes, operation))
            if hop is not None:
                resolved = resolve(wanted, hop, self.session)
                yield from (Announce(self.session, resolved, chunk) for chunk in _chunks(prefixes))

    def _judge(self, prefixes: Iterable[Prefix]) -> None:
        """Look again at these prefixes: is the wire as desired, and if not, may something be issued."""
        if not self.established:
            return
        for prefix in prefixes:
            wanted, shown = self.desired.get(prefix), self.wire.get(prefix)
            right = wanted is not None and shown is not None and self._same(prefix, wanted, shown)
            stays = Family.of(prefix) in self.session.families  # or the session is to lose it, and has it for a while
            sendable = stays and wanted is not None and self._hop(prefix, wanted) is not None
            target = wanted if sendable else None
            busy = prefix in self.flight or prefix in self.repeated
            if prefix in self.refused and self.refused[prefix] != target:
                del self.refused[prefix]
            idle = not busy and prefix not in self.refused
            _mark(self._ready, prefix, idle and sendable and not right)
            _mark(self._surplus, prefix, idle and not sendable and shown is not None)
            if wanted is None or (right and sendable):
                self._unsent.discard(prefix)
            else:
                self._unsent.add(prefix)

    def _hop(self, prefix: Prefix, wanted: Attributes) -> Address | None:
        if Family.of(prefix) not in self.families:
            return None
        return next_hop(prefix, wanted.next_hop, self.local_address, self.extended_next_hop)

    def _same(self, prefix: Prefix, wanted: Attributes, shown: Attributes) -> bool:
        """Compare what is wanted, as an UPDATE would show it, with what is on the wire."""
        hop = self._hop(prefix, wanted)
        return hop is not None and resolve(wanted, hop, self.session) == shown


def _apply(held: dict[Prefix, Attributes], prefix: Prefix, attributes: Attributes | None) -> None:
    if attributes is None:
        held.pop(prefix, None)
    else:
        held[prefix] = attributes


def _mark(marks: dict[Prefix, None], prefix: Prefix, due: bool) -> None:
    if due:
        marks[prefix] = None
    else:
        marks.pop(prefix, None)


def _chunks(prefixes: list[Prefix]) -> Iterator[tuple[Prefix, ...]]:
    for start in range(0, len(prefixes), CHUNK):
        yield tuple(prefixes[start : start + CHUNK])
