"""Drives ExaBGP through its relay: brings its sessions and tables to the goal, and reads back their state."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from time import monotonic

import structlog

from exalb_bgp import events, limits
from exalb_bgp.exabgp.driver import api_lines
from exalb_bgp.exabgp.driver.connection import ApiConnection, RefusedError, until
from exalb_bgp.exabgp.driver.listener import UnixListener
from exalb_bgp.exabgp.driver.reloader import Reloader
from exalb_bgp.exabgp.driver.resumption import Answer, Resumption
from exalb_bgp.exabgp.growing_limit import GrowingLimit
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.rib import Address, without_zone
from exalb_bgp.session import Session
from exalb_bgp.speaker import Speaker, SpeakerStatus
from exalb_bgp.speaker_sync import SpeakerSync
from exalb_bgp.steps import BFD_DOWN, ResetSession, Step

_LOG = structlog.get_logger(__name__)
_CONFIRM_TIMEOUT = 1.0
"""Seconds without an event of a peer after which unconfirmed operations time out; grows for an unresponsive peer."""
_QUIET_SECONDS = 0.05
"""Seconds without output of ExaBGP after which nothing of the previous driver is in flight."""
_QUIET_TIMEOUT = 2.0
"""Seconds to wait for that at most."""
_CLOSE_TIMEOUT = 2.0
"""Seconds in which connections must end when the driver ends."""
_CALM_SECONDS = 5.0
"""Seconds between two checks while ExaBGP is connected and nothing is in flight; what is sent ends the pause."""
_BATCH_DELAY = 0.002
"""Seconds after the first output of ExaBGP until the next turn, which handles a batch."""


class ExaBGPDriver:
    """The Driver of one ExaBGP, which the supervisor runs with the same settings. Listens from the first `apply` on."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._sync = SpeakerSync()
        self._reloader = Reloader(settings, self._sync)
        self._listener = UnixListener(settings.socket, self._serve)
        self._goal: Speaker | None = None
        self._desired_sessions: dict[str, Session] | None = None
        """Those of the goal; a copy, because the caller may change its mapping."""
        self._judged: tuple[Mapping[str, Session], dict[str, str]] = {}, {}
        """Those of them that ExaBGP can run, and why it cannot run the others."""
        self._applied = asyncio.Event()
        self._link: ApiConnection | None = None
        self._answer_limit = GrowingLimit(15.0, 120.0)
        """Seconds in which ExaBGP must answer; after that it does not count as connected."""
        self._serving: set[asyncio.Task[None]] = set()
        self._ready = False
        self._resumption = Resumption()
        self._early_events: list[tuple[events.Event, datetime]] | None = None
        self._last_activity: dict[Address, float] = {}
        self._due: asyncio.TimerHandle | None = None
        self._change_event = asyncio.Event()
        self._stirred = asyncio.Event()
        """Something was sent, or the link ended."""
        self._reported = self.status()

    def apply(self, desired: Speaker) -> None:
        """Make `desired` the goal, in place of the one before; return at once."""
        self._goal = desired
        if desired.sessions != self._desired_sessions:
            self._desired_sessions = dict(desired.sessions)
            self._judged = limits.split_valid(desired.sessions)
            self._reloader.due.set()
        self._sync.set_desired(desired, self._judged[1] | self._reloader.problems(self._judged[0]))
        self._applied.set()
        self._turn()

    def bfd_failed(self, peer: str, reason: str) -> None:
        """Close the session with a peer at once, and open it again; `reason` becomes its error. Return at once."""
        session = (self._desired_sessions or {}).get(peer)
        link = self._link
        if session and link and self._ready and self._sync.note_reset(without_zone(session.peer_address), reason):
            link.send(api_lines.command(ResetSession(session, BFD_DOWN)))

    def _refused(self) -> None:
        self.apply(self._goal or Speaker())
        self._reloader.due.set()

    def status(self) -> SpeakerStatus:
        """Return the current status; equal values mean that nothing changed."""
        return self._sync.status(self._ready, datetime.now(UTC))

    async def changed(self) -> None:
        """Wait until `status` differs from what it was when this was last called."""
        while (status := self.status()) == self._reported:
            self._change_event.clear()
            await self._change_event.wait()
        self._reported = status

    async def settled(self) -> None:
        """Wait until the engine runs the desired sessions and confirmed every Established peer's whole table."""
        while not (self._applied.is_set() and self._ready and self._reloader.done and self._sync.settled):
            self._change_event.clear()
            await self._change_event.wait()

    async def run(self) -> None:
        """Drive until cancelled; ExaBGP keeps its sessions and routes. Raises OSError when it cannot listen."""
        await self._applied.wait()
        await self._listener.open()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._reloader.run(self._refused, self._turn))
                tasks.create_task(self._watch())
        finally:
            self._listener.close()
            if self._link is not None:
                self._link.close()
            if self._serving:
                await asyncio.wait(self._serving, timeout=_CLOSE_TIMEOUT)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one relay until it disconnects or another one connects."""
        task = asyncio.current_task()
        if task is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        if self._link is not None:
            self._link.close()
            self._leave(self._link)
        link = self._link = ApiConnection(reader, writer, self._take, self._stirred.set)
        self._last_activity = {}
        self._ready, self._early_events = False, []
        handshake = asyncio.create_task(self._handshake(link))
        try:
            await link.run(self._soon)
        except (OSError, ValueError, LookupError) as error:
            _LOG.warning("exabgp_link_broken", error=_text(error), remedy="waiting for ExaBGP's relay to connect again")
        finally:
            handshake.cancel()
            link.close()
            if self._link is link:
                self._leave(link)

    def _leave(self, link: ApiConnection) -> None:
        """Store the counts of this link, so that the next one may continue from there."""
        self._resumption.end(link.events_received, link.commands_sent, link.unanswered)
        self._link, self._ready, self._reloader.link = None, False, None
        self._change_event.set()
        self._stirred.set()

    async def _handshake(self, link: ApiConnection) -> None:
        """Read back the sessions and routes of ExaBGP, and adopt them; events in between are handled afterwards.

        The routes are not read if the last link lost no event and all sessions are as known.
        """
        try:
            counters = await link.handshake()
            [answer] = await link.ask("show neighbor json")
            snapshots = api_lines.snapshots(answer)
            unread = None if self._changed(snapshots) else self._resumption.unread(counters)
            routes = await link.ask("show adj-rib out json") if unread is None else []
            await self._reloader.read(link)
            held = api_lines.tables(routes)
        except (RefusedError, OSError, ValueError, LookupError) as error:
            _LOG.warning("exabgp_state_unreadable", error=_text(error), remedy="reading it again from the next relay")
            await asyncio.sleep(_CONFIRM_TIMEOUT)
            link.close()
            return
        await until(lambda: not held or monotonic() - link.last_read > _QUIET_SECONDS, _QUIET_TIMEOUT)
        if self._link is not link:
            return  # another relay connected meanwhile, perhaps of another ExaBGP
        early, self._early_events = self._early_events or [], None
        if unread is None:
            self._sync.adopt(snapshots, held, datetime.now(UTC))
        else:
            self._resumption.settle(unread)
        self._resumption.start(counters)
        for event, moment in early:
            self._handle(event, moment)
        self._ready, self._reloader.link = True, link
        self._reloader.due.set()
        _LOG.info("exabgp_connected", read=unread is None, peers=len(snapshots), routes=sum(map(len, held.values())))
        self._turn()

    def _changed(self, snapshots: Sequence[events.Snapshot]) -> bool:
        """Return whether a session opened or closed since the last link, so that ExaBGP's routes must be read."""
        moves = events.Closed | events.Negotiated | events.Established
        moved = any(isinstance(event, moves) for event, _ in self._early_events or ())
        return moved or not self._sync.agrees(snapshots)

    def _take(self, line: str) -> None:
        event = api_lines.event(line)
        if event is None:
            return
        if isinstance(event, events.UpdateSent | events.EndOfRibSent | events.Established):
            self._last_activity[event.peer] = monotonic()
        moment = datetime.now(UTC)
        if self._early_events is None:
            self._handle(event, moment)
        else:
            self._early_events.append((event, moment))

    def _handle(self, event: events.Event, moment: datetime) -> None:
        """Handle one event; log a session that opened or closed."""
        was_established = self._sync.established(event.peer)
        self._sync.handle_event(event, moment)
        if self._sync.established(event.peer) is was_established:
            return
        name, error = self._sync.describe(event.peer)
        if was_established:
            _LOG.info("session_closed", peer=name, address=str(event.peer), reason=error)
        else:
            _LOG.info("session_established", peer=name, address=str(event.peer))

    def _soon(self) -> None:
        """Wake waiting tasks, and schedule a turn for the whole batch of ExaBGP: so its peers get equal commands."""
        self._change_event.set()
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(_BATCH_DELAY, self._turn)

    def _turn(self) -> None:
        """Send the next steps, and wake waiting tasks."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        link = self._link
        if link is not None and self._ready and not self._reloader.pausing and not link.congested:
            for command, steps in api_lines.commands(self._sync.steps()):
                link.send(command, partial(self._answered, steps))
                self._note_activity(steps)
        self._change_event.set()

    def _answered(self, steps: Sequence[Step], answer: Answer, _lines: list[str]) -> None:
        self._note_activity(steps)
        for step in steps:
            if answer is Answer.UNANSWERED:
                self._sync.mark_unsent(step)
                continue
            if answer is Answer.REFUSED:
                peer, remedy = str(step.session.peer_address), "see ExaBGP's log for the error"
                _LOG.warning("exabgp_refused", step=type(step).__name__, peer=peer, remedy=remedy)
            self._sync.answered(step, done=answer is Answer.DONE)

    def _note_activity(self, steps: Iterable[Step]) -> None:
        self._last_activity.update(
            dict.fromkeys((without_zone(step.session.peer_address) for step in steps), monotonic())
        )

    async def _open_again(self) -> None:
        """Listen again: the socket was removed, and the next relay could not connect."""
        try:
            await self._listener.open()
            _LOG.warning("api_socket_was_removed", remedy="created it again")
        except OSError as error:
            _LOG.error("api_socket_cannot_be_made", error=str(error))

    async def _watch(self) -> None:
        """Check regularly for a removed socket, missing answers and missing confirmations."""
        while True:
            await self._pause()
            if self._listener.missing:
                await self._open_again()
            if (link := self._link) is None:
                continue
            if not link.idle and monotonic() - link.last_read > self._answer_limit.current:
                self._answer_limit.grow()
                silent, next_limit = round(monotonic() - link.last_read), self._answer_limit.current
                remedy = "connecting again; see ExaBGP's log, and whether it gets CPU time"
                _LOG.error("exabgp_does_not_answer", silent_s=silent, next_limit_s=next_limit, remedy=remedy)
                link.last_read = monotonic()
                link.close()
            if self._ready:
                self._time_out_peers(link)

    async def _pause(self) -> None:
        """Wait until the next check: an idle node must wake seldom."""
        if self._ready and self._link and self._link.idle and self._reloader.done and self._sync.settled:
            self._stirred.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CALM_SECONDS):
                    await self._stirred.wait()
        await asyncio.sleep(_CONFIRM_TIMEOUT / 2)

    def _time_out_peers(self, link: ApiConnection) -> None:
        """Time out, per peer, operations that were answered and not confirmed in time."""
        for peer in self._sync.waiting:
            last_activity = self._last_activity.setdefault(peer, monotonic())
            silence = monotonic() - last_activity
            if link.answered_until > last_activity and silence > _CONFIRM_TIMEOUT * self._sync.timeout_factor(peer):
                remedy = "sending again what was not written; see whether the peer reads"
                _LOG.warning("exabgp_silent", peer=str(peer), silent_s=round(silence), remedy=remedy)
                self._sync.time_out(peer)
                self._last_activity[peer] = monotonic()
        self._turn()


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
