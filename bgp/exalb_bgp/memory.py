"""A Driver that keeps everything in memory, without an engine: for tests and dry runs of programs that drive BGP."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from exalb_bgp.events import CloseCause, Closed, EndOfRibSent, Established, Event, Negotiated, UpdateSent
from exalb_bgp.limits import split_valid
from exalb_bgp.rib import Attributes, Prefix, without_zone
from exalb_bgp.session import Session
from exalb_bgp.speaker import Speaker, SpeakerStatus
from exalb_bgp.speaker_sync import SpeakerSync
from exalb_bgp.steps import Announce, EndOfRib, Step, Withdraw


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryDriver:
    """Does immediately what an engine and its peers would do; every peer is reachable until `close`."""

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self.tables: dict[str, dict[Prefix, Attributes]] = {}
        """The table of each peer with an Established session, as on the wire."""
        self.steps: list[Step] = []
        """All steps so far, in order: a settled driver adds none."""
        self._clock = clock
        self._sync = SpeakerSync()
        self._goal = Speaker()
        self._open: dict[str, Session] = {}
        self._unreachable: dict[str, CloseCause] = {}
        self._connected = False
        self._change_event = asyncio.Event()
        self._reported = self.status()

    def apply(self, desired: Speaker) -> None:
        """Make `desired` the goal, in place of the one before, and reach it."""
        self._goal = desired
        self._sync.set_desired(desired, split_valid(desired.sessions)[1])
        self._reach()

    def bfd_failed(self, peer: str, reason: str) -> None:
        """Close the session with a peer, and open it again where the peer is reachable."""
        session = self._open.pop(peer, None)
        if session:
            address = without_zone(session.peer_address)
            self.tables.pop(peer)
            self._sync.note_reset(address, reason)
            self._handle_event(Closed(address, CloseCause.LOCAL))
            self._reach()

    def status(self) -> SpeakerStatus:
        """Return the current status; equal values mean that nothing changed."""
        return self._sync.status(self._connected, self._clock())

    async def run(self) -> None:
        """Be connected until cancelled."""
        self._connected = True
        self._reach()
        try:
            await asyncio.Event().wait()
        finally:
            self._connected = False
            self._change_event.set()

    async def changed(self) -> None:
        """Wait until `status` differs from what it was when this was last called."""
        while (status := self.status()) == self._reported:
            self._change_event.clear()
            await self._change_event.wait()
        self._reported = status

    async def settled(self) -> None:
        """Wait until the driver runs; everything else is done immediately."""
        while not self._connected:
            self._change_event.clear()
            await self._change_event.wait()

    def close(self, peer: str, cause: CloseCause = CloseCause.LOST) -> None:
        """End the session with a peer, and keep the peer unreachable."""
        self._unreachable[peer] = cause
        self._reach()

    def establish(self, peer: str) -> None:
        """Make a peer reachable again."""
        self._unreachable.pop(peer, None)
        self._reach()

    def _reach(self) -> None:
        """Close sessions that must not be open, open those that must, and take steps until there are none."""
        if not self._connected:
            return
        good, _ = split_valid(self._goal.sessions)
        self._take_steps()
        for name, session in list(self._open.items()):
            if good.get(name) != session or name in self._unreachable:
                cause = self._unreachable.get(name, CloseCause.REMOVED)
                self._handle_event(Closed(without_zone(session.peer_address), cause))
                del self._open[name]
                self.tables.pop(name, None)
        self._sync.prune([without_zone(session.peer_address) for session in good.values()])
        for name, session in good.items():
            if name not in self._open and name not in self._unreachable:
                self._begin(name, session)
        self._take_steps()
        self._change_event.set()

    def _begin(self, name: str, session: Session) -> None:
        peer = without_zone(session.peer_address)
        local = session.local_address or (session.router_id if peer.version == 4 else peer)
        self._open[name], self.tables[name] = session, {}
        self._handle_event(Negotiated(peer, local, session.families, session.extended_next_hop))
        self._handle_event(Established(peer))

    def _take_steps(self) -> None:
        names = {without_zone(session.peer_address): name for name, session in self._open.items()}
        while steps := list(self._sync.steps()):
            self.steps += steps
            for step in steps:
                self._take(step, names[without_zone(step.session.peer_address)])
                self._sync.answered(step, True)

    def _take(self, step: Step, name: str) -> None:
        peer = without_zone(step.session.peer_address)
        table = self.tables[name]
        match step:
            case Announce():
                table.update(dict.fromkeys(step.prefixes, step.attributes))
                self._handle_event(UpdateSent(peer, announced=((step.attributes, step.prefixes),)))
            case Withdraw():
                for prefix in step.prefixes:
                    table.pop(prefix, None)
                self._handle_event(UpdateSent(peer, withdrawn=step.prefixes))
            case EndOfRib():
                self._handle_event(EndOfRibSent(peer, step.family))
            case _:
                self._handle_event(
                    UpdateSent(peer, announced=tuple((held, (prefix,)) for prefix, held in table.items()))
                )

    def _handle_event(self, event: Event) -> None:
        self._sync.handle_event(event, self._clock())
