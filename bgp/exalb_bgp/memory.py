"""A Driver that keeps all in memory: for tests and dry runs of programs that drive BGP, without any engine."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from exalb_bgp.engine import Engine, bare
from exalb_bgp.events import Closed, Completed, Established, Event, Negotiated, Updated
from exalb_bgp.exabgp.limits import usable
from exalb_bgp.rib import Attributes, Prefix
from exalb_bgp.session import Session
from exalb_bgp.speaker import Speaker, SpeakerStatus
from exalb_bgp.steps import Announce, EndOfRib, Step, Withdraw


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryDriver:
    """Does at once what an engine and its peers would do; every peer is reachable until `close` says otherwise."""

    def __init__(self, clock: Callable[[], datetime] = _now) -> None:
        self.tables: dict[str, dict[Prefix, Attributes]] = {}
        """What each peer with an Established session holds, as on the wire."""
        self.steps: list[Step] = []
        """All that was ever asked of the engine, in order: a settled driver adds nothing."""
        self._clock = clock
        self._engine = Engine()
        self._goal = Speaker()
        self._open: dict[str, Session] = {}
        self._away: dict[str, str] = {}
        self._connected = False
        self._bell = asyncio.Event()
        self._reported = self.status()

    def apply(self, desired: Speaker) -> None:
        """Make `desired` the goal, in place of the one before, and reach it."""
        self._goal = desired
        self._engine.desire(desired, usable(desired.sessions)[1])
        self._reach()

    def status(self) -> SpeakerStatus:
        """Tell what is known now; equal values mean that nothing changed."""
        return self._engine.status(self._connected)

    async def run(self) -> None:
        """Be connected until cancelled."""
        self._connected = True
        self._reach()
        try:
            await asyncio.Event().wait()
        finally:
            self._connected = False
            self._bell.set()

    async def changed(self) -> None:
        """Wait until `status` differs from what it was when this was last called."""
        while (status := self.status()) == self._reported:
            self._bell.clear()
            await self._bell.wait()
        self._reported = status

    async def settled(self) -> None:
        """Wait until the driver runs; all else is done at once."""
        while not self._connected:
            self._bell.clear()
            await self._bell.wait()

    def close(self, peer: str, reason: str = "closing connection") -> None:
        """End the session with a peer, which is out of reach from now on."""
        self._away[peer] = reason
        self._reach()

    def establish(self, peer: str) -> None:
        """Let a peer be reached again."""
        self._away.pop(peer, None)
        self._reach()

    def _reach(self) -> None:
        """Close what shall not be open, open what shall, and take steps until there are none."""
        if not self._connected:
            return
        good, _ = usable(self._goal.sessions)
        self._walk()
        for name, session in list(self._open.items()):
            if good.get(name) != session or name in self._away:
                gone = self._away.get(name, "stop, message [removed]")
                self._fold(Closed(bare(session.peer_address), gone))
                del self._open[name]
                self.tables.pop(name, None)
        self._engine.prune([bare(session.peer_address) for session in good.values()])
        for name, session in good.items():
            if name not in self._open and name not in self._away:
                self._begin(name, session)
        self._walk()
        self._bell.set()

    def _begin(self, name: str, session: Session) -> None:
        peer = bare(session.peer_address)
        local = session.local_address or (session.router_id if peer.version == 4 else peer)
        self._open[name], self.tables[name] = session, {}
        self._fold(Negotiated(peer, local, session.families, session.extended_next_hop))
        self._fold(Established(peer))

    def _walk(self) -> None:
        names = {bare(session.peer_address): name for name, session in self._open.items()}
        while steps := list(self._engine.steps()):
            self.steps += steps
            for step in steps:
                self._take(step, names[bare(step.session.peer_address)])
                self._engine.answered(step, True)

    def _take(self, step: Step, name: str) -> None:
        peer = bare(step.session.peer_address)
        table = self.tables[name]
        match step:
            case Announce():
                table.update(dict.fromkeys(step.prefixes, step.attributes))
                self._fold(Updated(peer, announced=((step.attributes, step.prefixes),)))
            case Withdraw():
                for prefix in step.prefixes:
                    table.pop(prefix, None)
                self._fold(Updated(peer, withdrawn=step.prefixes))
            case EndOfRib():
                self._fold(Completed(peer, step.family))
            case _:
                self._fold(Updated(peer, announced=tuple((held, (prefix,)) for prefix, held in table.items())))

    def _fold(self, event: Event) -> None:
        self._engine.fold(event, self._clock())
