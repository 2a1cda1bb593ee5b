"""Makes ExaBGP run the desired sessions: validates and writes its configuration, and reloads until they run."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from time import monotonic

import structlog

from exalb_bgp.exabgp import config_file, config_text
from exalb_bgp.exabgp.driver import api_lines
from exalb_bgp.exabgp.driver.connection import ApiConnection, RefusedError, until
from exalb_bgp.exabgp.growing_limit import GrowingLimit
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.rib import Address, without_zone
from exalb_bgp.session import Session
from exalb_bgp.speaker_sync import SpeakerSync
from exalb_bgp.steps import ResetSession

_LOG = structlog.get_logger(__name__)
_CHECKS = 10
"""How often the outcome of one reload is checked."""
_CHECK_INTERVAL = 0.005
"""Seconds between two checks."""
_RELOAD_INTERVAL = 0.1
"""Seconds between two reloads, in which routes are sent."""
_RETRY_INTERVAL = 1.0
"""Seconds between two attempts to write a configuration, when the first one failed."""
_QUIESCENCE_TIMEOUT = 2.0
"""Seconds in which routes of a removed session must be withdrawn, and commands be confirmed, before a reload."""


class Reloader:
    """Keeps the sessions that ExaBGP runs equal to those desired."""

    def __init__(self, settings: EngineSettings, sync: SpeakerSync) -> None:
        self._settings, self._sync = settings, sync
        self.link: ApiConnection | None = None
        self.due = asyncio.Event()
        self.pausing = False
        """While true, no step may be sent: a session that changes could lose it, or send it in the next session."""
        self._validation_limit = GrowingLimit(config_file.VALIDATION_LIMIT, 960.0)
        """Seconds in which a validation must answer."""
        self._reload_limit = GrowingLimit(20.0, 320.0)
        """Seconds of reloads without effect after which ExaBGP is restarted."""
        self.rejected: set[str] = set()
        """The fingerprints of sessions that ExaBGP rejects."""
        self._running: dict[Address, str] | None = None
        self._interfaces: dict[Address, str | None] = {}

    @property
    def done(self) -> bool:
        """Whether ExaBGP runs the desired sessions."""
        return not self.due.is_set() and self._running == config_text.fingerprints(
            self._sync.sessions(include_withdrawing=False)
        )

    def problems(self, sessions: Mapping[str, Session]) -> dict[str, str]:
        """Return an error for each of these sessions that ExaBGP rejected."""
        if not self.rejected:
            return {}
        return {
            name: "ExaBGP rejects the configuration of this session: see the log of the speaker"
            for name, session in sessions.items()
            if self.rejected.intersection(config_text.fingerprints([session]).values())
        }

    async def run(self, refused: Callable[[], None], turn: Callable[[], None]) -> None:
        """Apply the sessions whenever that is `due`; call `refused` if some are invalid, `turn` otherwise."""
        while True:
            await self.due.wait()
            await until(lambda: not self._sync.withdrawing, _QUIESCENCE_TIMEOUT)
            self.due.clear()
            try:
                (turn if await self._apply(turn) else refused)()
            except OSError as error:
                remedy = config_file.remedy(error)
                if isinstance(error, config_file.SlowError):
                    self._validation_limit.grow()
                _LOG.error("configuration_not_written", error=str(error), remedy=remedy, again_in_s=_RETRY_INTERVAL)
                await asyncio.sleep(_RETRY_INTERVAL)
                self.due.set()

    async def _apply(self, turn: Callable[[], None]) -> bool:
        """Apply the desired sessions; return False if some are invalid. Raises OSError."""
        sessions = self._sync.sessions(include_withdrawing=False)
        opening = self._opening(sessions)
        others = [session for session in sessions if without_zone(session.peer_address) not in opening]
        if opening and await self._apply_sessions(others, turn) and self._running == config_text.fingerprints(others):
            self._sync.forget(opening)
        return await self._apply_sessions(sessions, turn)

    def _opening(self, sessions: list[Session]) -> set[Address]:
        """Return the changed sessions that must be closed first, because they are not Established.

        While ExaBGP waits for an OPEN or the first KEEPALIVE, for up to a hold time, it does not apply a changed
        configuration; a removed session is closed immediately.
        """
        running = self._running or {}
        fingerprints = config_text.fingerprints(sessions)
        return {
            address
            for address, fingerprint in fingerprints.items()
            if running.get(address, fingerprint) != fingerprint and not self._sync.established(address)
        }

    async def _apply_sessions(self, sessions: list[Session], turn: Callable[[], None]) -> bool:
        """Apply these sessions; return False, and record the rejected ones, if ExaBGP rejects them."""
        wanted = config_text.fingerprints(sessions)
        if not await self._write(sessions):
            return False
        try:
            await self._reload_until_running(wanted, turn)
        except RefusedError as error:
            remedy = "see ExaBGP's log for the error"
            _LOG.warning("exabgp_refused", command=str(error), remedy=remedy, again_in_s=_RETRY_INTERVAL)
            await asyncio.sleep(_RETRY_INTERVAL)
            self.due.set()
        except ConnectionError:
            _LOG.info("reload_interrupted")
        return True

    async def read(self, link: ApiConnection) -> None:
        """Read the running configuration of ExaBGP."""
        self._running, self._interfaces = config_text.read_running(await link.ask("show neighbor configuration"))
        self._sync.prune(self._running)

    async def _write(self, sessions: list[Session]) -> bool:
        """Write the configuration; return False, and record the rejected sessions, if ExaBGP rejects it."""
        text = config_text.render(sessions, self._settings.helper)
        if text == config_file.current(self._settings):
            return True
        if not await self._accepts(sessions):
            if not await self._accepts(()):
                raise OSError("`exabgp validate` rejects even a configuration without sessions")
            await self._find_rejected(sessions)
            return False
        config_file.write(self._settings, text)
        return True

    async def _accepts(self, sessions: Iterable[Session]) -> bool:
        return await config_file.accepts(self._settings, sessions, self._validation_limit.current)

    async def _find_rejected(self, sessions: list[Session]) -> None:
        """Record the sessions without which ExaBGP accepts the others."""
        good: list[Session] = []
        for session in sessions:
            if await self._accepts([*good, session]):
                good.append(session)
            else:
                self.rejected.update(config_text.fingerprints([session]).values())
                remedy = "report it with the BGPPeer: ExaLB validates sessions before ExaBGP does"
                _LOG.error("session_refused", peer=str(session.peer_address), remedy=remedy)
        if len(good) == len(sessions):
            raise OSError("`exabgp validate` rejected the sessions together, and then accepted each of them")

    async def _reload_until_running(self, wanted: Mapping[Address, str], turn: Callable[[], None]) -> None:
        began = monotonic()
        while (link := self.link) is not None and self._running != wanted:
            tried = monotonic() - began
            if tried > self._reload_limit.current:
                self._reload_limit.grow()
                next_limit = self._reload_limit.current
                _LOG.error(
                    "exabgp_does_not_reload", tried_s=round(tried), remedy="restarting it", next_limit_s=next_limit
                )
                link.send("shutdown")
                return
            await self._attempt(link, wanted, turn)
            if self._running != wanted:
                await asyncio.sleep(_RELOAD_INTERVAL)
            else:
                self._reload_limit.reset()

    async def _attempt(self, link: ApiConnection, wanted: Mapping[Address, str], turn: Callable[[], None]) -> None:
        before = self._interfaces
        self.pausing = True
        try:
            await self._reload(link, wanted)
            if self._running == wanted:
                await self._reconnect(link, before)
        finally:
            self.pausing = False
            turn()

    async def _reload(self, link: ApiConnection, wanted: Mapping[Address, str]) -> None:
        """Request one reload once nothing is in flight, and check that it happened."""
        await until(lambda: (link.idle and self._sync.is_quiescent) or self.link is not link, _QUIESCENCE_TIMEOUT)
        await link.ask("reload")
        for _ in range(_CHECKS):
            await asyncio.sleep(_CHECK_INTERVAL)
            await self.read(link)
            if self._running == wanted:
                return

    async def _reconnect(self, link: ApiConnection, before: Mapping[Address, str | None]) -> None:
        """Reset sessions whose source interface changed, because ExaBGP does not."""
        for session in self._sync.sessions():
            address = without_zone(session.peer_address)
            if address in before and before[address] != self._interfaces.get(address):
                await link.ask(api_lines.command(ResetSession(session)))
