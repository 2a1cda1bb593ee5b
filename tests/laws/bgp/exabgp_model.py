"""A model of ExaBGP 5.0 and one router, with the behavior of ExaBGP that can lose routes.

As measured on ExaBGP 5.0.15 and read in its source (rib/outgoing.py, reactor/peer.py):
- changes wait in buckets of equal attributes, and a flush sends bucket by bucket, not in the order of the commands;
- an announcement equal to what is held is dropped silently;
- the first flush of a session sends no withdrawals; it begins with all held routes;
- after a route refresh a router gets the newest of each prefix first, which then leaves its bucket;
- an answer ("done") means executed, not sent, and comes when the command was executed;
- End-of-RIB waits until nothing else is to be sent.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from exalb_bgp.events import CloseCause, Closed, EndOfRibSent, Established, Event, Negotiated, Snapshot, UpdateSent
from exalb_bgp.rib import Attributes, Prefix
from exalb_bgp.session import Session, State
from exalb_bgp.steps import Announce, EndOfRib, ResendAll, Step, Withdraw


@dataclass(frozen=True)
class Answer:
    """The answer of ExaBGP to a command."""

    step: Step
    done: bool


Output: TypeAlias = Event | Answer
Change: TypeAlias = tuple[Prefix, Attributes | None]


@dataclass
class ExaBGPModel:
    """One process with one neighbor, and the router at the other end."""

    session: Session
    up: bool = False
    router: dict[Prefix, Attributes] = field(default_factory=dict)
    """The actual table of the router."""
    held: dict[Prefix, Attributes] = field(default_factory=dict)
    commands: deque[tuple[Step, list[Change]]] = field(default_factory=deque)
    output: deque[Output] = field(default_factory=deque)
    ends: list[dict[Prefix, Attributes]] = field(default_factory=list)
    """The router's table at each End-of-RIB."""
    opened: int = 0
    """How often the session came up."""
    ended: int = 0
    """Of these sessions, the last in which End-of-RIB was sent."""
    _buckets: dict[Attributes | None, dict[Prefix, Attributes | None]] = field(default_factory=dict)
    _order: list[Change] = field(default_factory=list)
    _again: dict[Prefix, Attributes] = field(default_factory=dict)
    _flush: deque[Change] = field(default_factory=deque)
    _flushing: bool = False
    _first: bool = True
    _eor: deque[EndOfRib] = field(default_factory=deque)

    @property
    def quiet(self) -> bool:
        """Whether it has nothing more to do or to send."""
        return not (self.commands or self.output or self.sending)

    @property
    def sending(self) -> bool:
        """Whether something is to be written to the router, now or when the session is up."""
        return bool(self._buckets or self._again or self._flush or self._flushing or self._eor)

    def take(self, step: Step) -> None:
        """Read a command; it is executed later, change by change."""
        changes: list[Change] = []
        if isinstance(step, Announce):
            changes = [(prefix, step.attributes) for prefix in step.prefixes]
        elif isinstance(step, Withdraw):
            changes = [(prefix, None) for prefix in step.prefixes]
        self.commands.append((step, changes))

    def work(self) -> None:
        """Do one change of the oldest command, or end that command."""
        if not self.commands:
            return
        step, changes = self.commands[0]
        if changes:
            self._put(*changes.pop(0))
            return
        self.commands.popleft()
        if isinstance(step, EndOfRib):
            self._eor.append(step)
        if isinstance(step, ResendAll):
            self.refresh()
        self.output.append(Answer(step, True))

    def refresh(self) -> None:
        """Handle a route refresh of the router (RFC 2918)."""
        if self.up:
            self._again |= self.held

    def _put(self, prefix: Prefix, attributes: Attributes | None, force: bool = False) -> None:
        if attributes is not None and self.held.get(prefix) == attributes and not force:
            return
        self._buckets.setdefault(attributes, {})[prefix] = attributes
        self._order.append((prefix, attributes))
        if attributes is None:
            self.held.pop(prefix, None)
        else:
            self.held[prefix] = attributes

    def send(self) -> None:
        """Write one UPDATE to the router, or begin or end a flush."""
        if not self.up:
            return
        if self._flush:
            self._write(*self._flush.popleft())
        elif self._flushing:
            self._flushing, self._first = False, False
        elif self._buckets or self._again:
            self._begin_flush()
        elif self._eor:
            self.ends.append(dict(self.router))
            self.ended = self.opened
            self.output.append(EndOfRibSent(self.session.peer_address, self._eor.popleft().family))

    def _begin_flush(self) -> None:
        gone = {prefix for prefix in self._again if prefix in self._buckets.get(None, {})}
        newest: dict[Prefix, Attributes | None] = {}
        for change in self._order:
            newest[change[0]] = change[1]
        first = [(prefix, newest.get(prefix, shown)) for prefix, shown in self._again.items() if prefix not in gone]
        consumed = {prefix for prefix in self._again if prefix not in gone or newest[prefix] is None}
        changes = [
            (prefix, attributes)
            for bucket in self._buckets.values()
            for prefix, attributes in bucket.items()
            if attributes is None or prefix not in consumed
        ]
        self._flush = deque(change for change in first + changes if change[1] is not None or not self._first)
        self._buckets, self._again, self._order = {}, {}, []
        self._flushing = True

    def _write(self, prefix: Prefix, attributes: Attributes | None) -> None:
        if attributes is None:
            self.router.pop(prefix, None)
            self.output.append(UpdateSent(self.session.peer_address, withdrawn=(prefix,)))
        else:
            self.router[prefix] = attributes
            self.output.append(UpdateSent(self.session.peer_address, announced=((attributes, (prefix,)),)))

    def open(self) -> None:
        """Open the session; the first flush begins immediately."""
        if self.up:
            return
        self.up, self._first = True, True
        self.opened += 1
        self.output.append(self.agreed)
        self.output.append(Established(self.session.peer_address))
        for change in list(self.held.items()):
            self._put(*change, force=True)
        if self._buckets:
            self._begin_flush()
            self.send()

    @property
    def agreed(self) -> Negotiated:
        """The negotiated parameters."""
        return Negotiated(self.session.peer_address, self.session.router_id, self.session.families, False)

    def close(self) -> None:
        """Close the session: the router drops its routes, ExaBGP its unsent changes but not its held routes."""
        if not self.up:
            return
        self.up = False
        self.router.clear()
        self._drop_unsent()
        self.output.append(Closed(self.session.peer_address, CloseCause.LOST))

    def _drop_unsent(self) -> None:
        self._flushing = False
        for queue in (self._flush, self._buckets, self._again, self._order, self._eor):
            queue.clear()

    def reload(self) -> None:
        """Take a new configuration: the neighbor is a new object, without the pending End-of-RIB of the old one."""
        self._eor.clear()

    def die(self) -> None:
        """Be killed and started again: the session ends, and nothing is held."""
        self.commands.clear()
        self.close()
        self._drop_unsent()
        self.held.clear()

    def forget_driver(self) -> tuple[Snapshot, dict[Prefix, Attributes]]:
        """Lose the driver: execute its commands, drop the output for it, and return the actual state."""
        while self.commands:
            self.work()
        self.output.clear()
        state = State.ESTABLISHED if self.up else State.ACTIVE
        families = self.session.families if self.up else frozenset()
        local = self.session.router_id if self.up else None
        completed = families if self.ended == self.opened else frozenset()
        snapshot = Snapshot(self.session.peer_address, state, local, families, False, completed=completed)
        return snapshot, dict(self.held)

    def run_dry(self) -> Iterator[Output]:
        """Run until there is no more output, and yield the output."""
        while not self.quiet:
            while self.output:
                yield self.output.popleft()
            if not self.up and not self.commands:
                return
            self.work()
            self.send()
