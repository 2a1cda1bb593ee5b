"""Bringing ExaBGP to run the desired sessions: validated first, written whole, reloaded until they are seen to run."""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic

import structlog

from exalb_bgp.engine import Engine, bare
from exalb_bgp.exabgp import config, configuration, wire
from exalb_bgp.exabgp.link import Link, RefusedError, until
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.rib import Address
from exalb_bgp.session import Session
from exalb_bgp.steps import Restart

_LOG = structlog.get_logger(__name__)
_HOPELESS = 20.0
"""Seconds of reloads without effect, for a reason that nobody knows, after which ExaBGP is started anew."""
_LOOKS = 10
"""How often the outcome of one reload is looked for."""
_LOOK = 0.005
"""Seconds between two looks."""
_PAUSE = 0.1
"""Seconds between two reloads, in which routes go their way."""
_RETRY = 1.0
"""Seconds between two attempts to write a configuration, when the first one failed."""
_PATIENCE = 2.0
"""Seconds that routes of a session that goes may take to be withdrawn, and that commands may take to be confirmed."""


class Reloader:
    """Keeps the sessions that ExaBGP runs equal to those desired."""

    def __init__(self, settings: EngineSettings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self.link: Link | None = None
        self.due = asyncio.Event()
        self.pausing = False
        """While true, no step shall be sent: a session that changes might lose it, or take it along into the next."""
        self.invalid: set[str] = set()
        """The stamps of sessions that ExaBGP does not take."""
        self._running: dict[Address, str] | None = None
        self._interfaces: dict[Address, str | None] = {}

    @property
    def done(self) -> bool:
        """Whether ExaBGP runs what is desired."""
        return not self.due.is_set() and self._running == config.stamps(self._engine.sessions(patient=False))

    def problems(self, sessions: Mapping[str, Session]) -> dict[str, str]:
        """Tell which of these sessions ExaBGP was seen to refuse."""
        if not self.invalid:
            return {}
        return {
            name: "ExaBGP refuses the configuration of this session"
            for name, session in sessions.items()
            if self.invalid.intersection(config.stamps([session]).values())
        }

    async def run(self, refused: Callable[[], None], turn: Callable[[], None]) -> None:
        """Put sessions in force whenever that is `due`; call `refused` when some proved invalid, `turn` when done."""
        while True:
            await self.due.wait()
            await until(lambda: not self._engine.emptying, _PATIENCE)
            self.due.clear()
            try:
                (turn if await self._bring(turn) else refused)()
            except OSError as error:
                remedy = configuration.remedy(error)
                _LOG.error("configuration_not_written", error=str(error), remedy=remedy, again_in_s=_RETRY)
                await asyncio.sleep(_RETRY)
                self.due.set()

    async def _bring(self, turn: Callable[[], None]) -> bool:
        """Put the desired sessions in force; return False where some proved invalid. Raises OSError."""
        sessions = self._engine.sessions(patient=False)
        opening = self._opening(sessions)
        others = [session for session in sessions if bare(session.peer_address) not in opening]
        if opening and await self._put(others, turn) and self._running == config.stamps(others):
            self._engine.forget(opening)
        return await self._put(sessions, turn)

    def _opening(self, sessions: list[Session]) -> set[Address]:
        """Find the changed sessions that are to be closed first, because they are not Established.

        While it waits for an OPEN or the first KEEPALIVE, for up to a hold time, ExaBGP does not see that its
        configuration changed; a session that goes is closed at once.
        """
        running = self._running or {}
        stamps = config.stamps(sessions)
        return {
            address
            for address, stamp in stamps.items()
            if running.get(address, stamp) != stamp and not self._engine.established(address)
        }

    async def _put(self, sessions: list[Session], turn: Callable[[], None]) -> bool:
        """Put these sessions in force; return False, with the culprits noted, where ExaBGP would not take them."""
        wanted = config.stamps(sessions)
        if not await self._write(sessions):
            return False
        try:
            await self._enforce(wanted, turn)
        except RefusedError as error:
            _LOG.warning("exabgp_refused", command=str(error), again_in_s=_RETRY)
            await asyncio.sleep(_RETRY)
            self.due.set()
        except ConnectionError:
            _LOG.info("reload_interrupted")
        return True

    async def read(self, link: Link) -> None:
        """Read back what ExaBGP runs."""
        self._running, self._interfaces = config.running(await link.ask("show neighbor configuration"))
        self._engine.prune(self._running)

    async def _write(self, sessions: list[Session]) -> bool:
        """Write the configuration; return False, and note the culprits, where ExaBGP would not take it."""
        text = config.render(sessions, self._settings.helper)
        if text == configuration.current(self._settings):
            return True
        if not await configuration.accepts(self._settings, sessions):
            if not await configuration.accepts(self._settings, ()):
                raise OSError("`exabgp validate` takes not even a configuration without sessions")
            await self._blame(sessions)
            return False
        configuration.write(self._settings, text)
        return True

    async def _blame(self, sessions: list[Session]) -> None:
        """Note the sessions without which ExaBGP would take the rest."""
        good: list[Session] = []
        for session in sessions:
            if await configuration.accepts(self._settings, [*good, session]):
                good.append(session)
            else:
                self.invalid.update(config.stamps([session]).values())
                _LOG.error("session_refused", peer=str(session.peer_address))
        if len(good) == len(sessions):
            raise OSError("`exabgp validate` refused the sessions together, and then took them one after another")

    async def _enforce(self, wanted: Mapping[Address, str], turn: Callable[[], None]) -> None:
        began = monotonic()
        while (link := self.link) is not None and self._running != wanted:
            tried = monotonic() - began
            if tried > _HOPELESS:
                _LOG.error("exabgp_does_not_reload", tried_s=round(tried), remedy="restarting it")
                link.send("shutdown", lambda _done, _lines: None)
                return
            await self._attempt(link, wanted, turn)
            if self._running != wanted:
                await asyncio.sleep(_PAUSE)

    async def _attempt(self, link: Link, wanted: Mapping[Address, str], turn: Callable[[], None]) -> None:
        before = self._interfaces
        self.pausing = True
        try:
            await self._reload(link, wanted)
            if self._running == wanted:
                await self._reconnect(link, before)
        finally:
            self.pausing = False
            turn()

    async def _reload(self, link: Link, wanted: Mapping[Address, str]) -> None:
        """Ask for one reload once nothing is under way, and look whether it came to pass."""
        await until(lambda: (link.idle and self._engine.calm) or self.link is not link, _PATIENCE)
        await link.ask("reload")
        for _ in range(_LOOKS):
            await asyncio.sleep(_LOOK)
            await self.read(link)
            if self._running == wanted:
                return

    async def _reconnect(self, link: Link, before: Mapping[Address, str | None]) -> None:
        """Have sessions of which the source interface changed opened anew: ExaBGP does not see that by itself."""
        for session in self._engine.sessions():
            address = bare(session.peer_address)
            if address in before and before[address] != self._interfaces.get(address):
                await link.ask(wire.command(Restart(session)))
