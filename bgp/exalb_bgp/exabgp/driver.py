"""Drives ExaBGP through its relay: brings its sessions and tables to the goal, and reads back what is."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from time import monotonic

import structlog

from exalb_bgp import events
from exalb_bgp.engine import Engine, bare
from exalb_bgp.exabgp import limits, wire
from exalb_bgp.exabgp.door import Door
from exalb_bgp.exabgp.link import Answered, Link, RefusedError, until
from exalb_bgp.exabgp.reload import Reloader
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.rib import Address
from exalb_bgp.session import Session
from exalb_bgp.speaker import Speaker, SpeakerStatus
from exalb_bgp.steps import Step

_LOG = structlog.get_logger(__name__)
_SILENCE = 1.0
"""Seconds of silence about a peer after which what was not confirmed counts as lost, at first."""
_HANGING = 15.0
"""Seconds in which an ExaBGP that was asked something says nothing, after which it does not count as connected."""
_CALM = 0.05
"""Seconds of silence awaited from ExaBGP after a driver took over, so that nothing of the last one is under way."""
_PATIENCE = 2.0
"""Seconds that this silence may take to come."""
_GATHER = 0.005
"""Seconds after the first word of ExaBGP until what follows from it is done."""


class ExaBGPDriver:
    """The Driver of one ExaBGP, which `supervise` runs with the same settings. Listens from the first `apply` on."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._engine = Engine()
        self._reloader = Reloader(settings, self._engine)
        self._door = Door(settings.socket, self._serve)
        self._goal: Speaker | None = None
        self._sessions: dict[str, Session] | None = None
        """Those of the goal; a copy, for whoever made the goal may go on with the mapping."""
        self._applied = asyncio.Event()
        self._link: Link | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._ready = False
        self._begun: tuple[int, int] | None = None
        """How many events ExaBGP had told, and how many commands taken, when this link began; None if not known."""
        self._left: tuple[int, int] | None = None
        """How many it has by the end of the last link if nothing was lost."""
        self._unanswered: list[Answered] = []
        """Who waited for its answers then."""
        self._early: list[tuple[events.Event, datetime]] | None = None
        self._heard: dict[Address, float] = {}
        self._due: asyncio.TimerHandle | None = None
        self._bell = asyncio.Event()
        self._reported = self.status()

    def apply(self, desired: Speaker) -> None:
        """Make `desired` the goal, in place of the one before; return at once."""
        self._goal = desired
        usable, problems = limits.usable(desired.sessions)
        self._engine.desire(desired, problems | self._reloader.problems(usable))
        if desired.sessions != self._sessions:
            self._sessions = dict(desired.sessions)
            self._reloader.due.set()
        self._applied.set()
        self._turn()

    def _refused(self) -> None:
        self.apply(self._goal or Speaker())
        self._reloader.due.set()

    def status(self) -> SpeakerStatus:
        """Tell what is known now; equal values mean that nothing changed."""
        return self._engine.status(self._ready)

    async def changed(self) -> None:
        """Wait until `status` differs from what it was when this was last called."""
        while (status := self.status()) == self._reported:
            self._bell.clear()
            await self._bell.wait()
        self._reported = status

    async def settled(self) -> None:
        """Wait until the engine runs the desired sessions and confirmed every Established peer's whole table."""
        while not (self._applied.is_set() and self._ready and self._reloader.done and self._engine.settled):
            self._bell.clear()
            await self._bell.wait()

    async def run(self) -> None:
        """Drive until cancelled; ExaBGP keeps its sessions and routes. Raises OSError when it cannot listen."""
        await self._applied.wait()
        await self._door.open()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._reloader.run(self._refused, self._turn))
                tasks.create_task(self._watch())
        finally:
            self._door.close()
            if self._link is not None:
                self._link.close()
            if self._serving:
                await asyncio.wait(self._serving, timeout=_PATIENCE)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with one relay until it leaves or another one comes."""
        task = asyncio.current_task()
        if task is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        if self._link is not None:
            self._link.close()
            self._leave(self._link)
        link = self._link = Link(reader, writer, self._take)
        self._heard = {}
        self._ready, self._early = False, []
        introduction = asyncio.create_task(self._introduce(link))
        try:
            await link.run(self._soon)
        except (OSError, ValueError, LookupError) as error:
            _LOG.warning("exabgp_link_broken", error=type(error).__name__)
        finally:
            introduction.cancel()
            link.close()
            if self._link is link:
                self._leave(link)

    def _leave(self, link: Link) -> None:
        """Note how far this link went, so that the next one may go on from there."""
        self._left = (self._begun[0] + link.told, self._begun[1] + link.asked) if self._begun else None
        self._unanswered = link.unanswered
        self._link, self._ready, self._reloader.link, self._begun = None, False, None, None
        self._bell.set()

    async def _introduce(self, link: Link) -> None:
        """Read back what ExaBGP is and holds, and take it up; what happens meanwhile is folded afterwards.

        What it holds is known already where the last link lost nothing that was told, and all sessions are as known.
        """
        try:
            async with asyncio.timeout(_HANGING):
                [answer] = await link.introduce()
                found, begun = wire.snapshots(answer), wire.counts(answer)
                begun = begun and (begun[0] - link.early, begun[1])
                lost = self._lost(begun, found)
                routes = await link.ask("show adj-rib out json") if lost is None else []
                await self._reloader.read(link)
            held = wire.tables(routes)
        except (RefusedError, OSError, ValueError, LookupError) as error:
            _LOG.warning("exabgp_state_unreadable", error=repr(error))
            await asyncio.sleep(_SILENCE)
            link.close()
            return
        await until(lambda: not held or monotonic() - link.heard > _CALM, _PATIENCE)
        if self._link is not link:
            return  # another relay came meanwhile, of an ExaBGP that is perhaps another one
        early, self._early, self._begun = self._early or [], None, begun
        if lost is None:
            self._engine.adopt(found, held, datetime.now(UTC))
        else:
            self._settle(lost)
        for event, moment in early:
            self._engine.fold(event, moment)
        self._ready, self._reloader.link = True, link
        self._reloader.due.set()
        _LOG.info("exabgp_connected", read=lost is None, peers=len(found), routes=sum(map(len, held.values())))
        self._turn()

    def _lost(self, begun: tuple[int, int] | None, found: Sequence[events.Snapshot]) -> int | None:
        """Count the last commands that ExaBGP never heard; None where what it holds has to be read.

        That is where it told what was not heard, or is another one, or a session is not as known.
        """
        moves = events.Closed | events.Negotiated | events.Established
        moved = any(isinstance(event, moves) for event, _ in self._early or ())
        if begun is None or self._left is None or begun[0] != self._left[0] or moved or not self._engine.agrees(found):
            return None
        lost = self._left[1] - begun[1]
        return lost if 0 <= lost <= len(self._unanswered) else None

    def _settle(self, lost: int) -> None:
        """Say what became of the commands whose answers were lost: all but the last ones were done."""
        known = len(self._unanswered) - lost
        for number, answered in enumerate(self._unanswered):
            answered(True if number < known else None, [])

    def _take(self, line: str) -> None:
        event = wire.event(line)
        if event is None:
            return
        if isinstance(event, events.Updated | events.Completed | events.Established):
            self._heard[event.peer] = monotonic()
        moment = datetime.now(UTC)
        if self._early is None:
            self._engine.fold(event, moment)
        else:
            self._early.append((event, moment))

    def _soon(self) -> None:
        """Tell who waits, and take a turn when all is heard that ExaBGP tells in one: its peers go on side by side."""
        self._bell.set()
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(_GATHER, self._turn)

    def _turn(self) -> None:
        """Do what is due, and tell who waits."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        link = self._link
        if link is not None and self._ready and not self._reloader.pausing and not link.congested:
            for command, steps in wire.commands(self._engine.steps()):
                link.send(command, partial(self._answered, steps))
                self._hear(steps)
        self._bell.set()

    def _answered(self, steps: Sequence[Step], done: bool | None, _lines: list[str]) -> None:
        self._hear(steps)
        for step in steps:
            if done is None:
                self._engine.unheard(step)
                continue
            if not done:
                _LOG.warning("exabgp_refused", step=type(step).__name__, peer=str(step.session.peer_address))
            self._engine.answered(step, done)

    def _hear(self, steps: Iterable[Step]) -> None:
        self._heard.update(dict.fromkeys((bare(step.session.peer_address) for step in steps), monotonic()))

    async def _open_again(self) -> None:
        """Listen anew: somebody removed the socket, and the next relay would find nobody."""
        try:
            await self._door.open()
            _LOG.warning("api_socket_was_removed", remedy="made it anew")
        except OSError as error:
            _LOG.error("api_socket_cannot_be_made", error=str(error))

    async def _watch(self) -> None:
        """Look after what does not come about by itself."""
        while True:
            await asyncio.sleep(_SILENCE / 2)
            if self._door.missing:
                await self._open_again()
            if (link := self._link) is None:
                continue
            if not link.idle and monotonic() - link.heard > _HANGING:
                _LOG.error("exabgp_hangs", silent_s=round(monotonic() - link.heard))
                link.heard = monotonic()
                link.close()
            if self._ready:
                self._give_up(link)

    def _give_up(self, link: Link) -> None:
        """Give up, peer by peer, on what was not confirmed in time after every command for the peer was answered."""
        for peer in self._engine.waiting:
            heard = self._heard.setdefault(peer, monotonic())
            silence = monotonic() - heard
            if link.answered_until > heard and silence > _SILENCE * self._engine.patience(peer):
                _LOG.warning("exabgp_silent", peer=str(peer), silent_s=round(silence))
                self._engine.abandon(peer)
                self._heard[peer] = monotonic()
        self._turn()
