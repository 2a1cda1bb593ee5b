"""All sessions of one BFD process: opens and closes them as the goal asks, and gives each its packets."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from exalb_bfd.line import Line
from exalb_bfd.packet import State
from exalb_bfd.peers import Address, BfdSession, Peer
from exalb_bfd.sockets import Receiver, local_address, sender

_LOG = structlog.get_logger(__name__)
_RETRY_SECONDS = 1.0
"""Time between two attempts to open a session whose address or interface is not there."""
_LEAVE_SECONDS = 1.5
"""Routers have this long to agree to wait for the next process."""
_Place = tuple[Address, str | None]
"""An address of this node, and the interface that the sessions there are bound to."""


class Engine:
    """Runs sessions; `changed` is called after each change of their status."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._goal: dict[str, Peer] = {}
        self._lines: dict[str, Line] = {}
        self._problems: dict[str, str] = {}
        self._closed: dict[str, BfdSession] = {}
        """The last status of sessions of the goal that were closed because they could not be used any longer."""
        self._receivers: dict[_Place, Receiver] = {}
        self._states: dict[str, State] = {}
        self._news = asyncio.Event()

    def apply(self, goal: Mapping[str, Peer]) -> None:
        """Make `goal` the sessions, in place of those before; a session that is removed is AdminDown."""
        same = {name for name, peer in goal.items() if name in self._goal and _way(peer) == _way(self._goal[name])}
        self._goal = dict(goal)
        self._closed = {name: closed for name, closed in self._closed.items() if name in same}
        for name, line in list(self._lines.items()):
            peer = self._goal.get(name)
            if peer is None or _way(peer) != _way(line.peer):
                line.disable()
                self._close(name)
            elif peer != line.peer:
                line.configure(peer)
        self._open_missing()
        self._changed()

    def status(self) -> dict[str, BfdSession]:
        """Return the status of each session of the goal."""
        return {
            name: self._lines[name].status
            if name in self._lines
            else replace(self._closed.get(name, BfdSession()), problem=self._problems.get(name))
            for name in self._goal
        }

    async def run(self) -> None:
        """Open until cancelled what could not be opened before, and what cannot be used any longer."""
        while True:
            await asyncio.sleep(_RETRY_SECONDS)
            for name, line in list(self._lines.items()):
                if line.status.problem and line.session.state is State.DOWN:
                    self._closed[name] = _end_of(line.status)
                    self._close(name)
            self._open_missing()

    async def leave(self) -> None:
        """Ask the routers to wait for another process, which finds the sessions Up; send nothing after that."""
        for line in self._lines.values():
            line.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                while any(line.is_leaving for line in self._lines.values()):
                    self._news.clear()
                    await self._news.wait()
        waiting = sum(line.session.state is State.UP and not line.is_leaving for line in self._lines.values())
        _LOG.info("bfd_left", sessions=len(self._lines), routers_wait=waiting)
        for name in list(self._lines):
            self._close(name)

    def _open_missing(self) -> None:
        for name, peer in self._goal.items():
            if name in self._lines:
                continue
            try:
                self._open(name, peer)
                problem = None
            except OSError as error:
                where = f" on {peer.interface}" if peer.interface else ""
                problem = f"no session can be opened with {peer.address}{where}: {error.strerror or error}"
            if problem != self._problems.get(name):
                self._problems.pop(name, None)
                if problem:
                    self._problems[name] = problem
                    _LOG.warning("bfd_not_opened", peer=name, error=problem, again_in_s=_RETRY_SECONDS)
                self._changed()

    def _open(self, name: str, peer: Peer) -> None:
        local = local_address(peer)
        place, sending = (local, peer.interface), sender(local, peer)
        try:
            if place not in self._receivers:
                others = sum(address == local for address, _ in self._receivers)
                receiver = self._receivers[place] = Receiver(*place, others=others)
                asyncio.get_running_loop().add_reader(receiver.socket, self._drain, place)
        except OSError:
            sending.close()
            raise
        before = self._closed.pop(name, None)
        self._lines[name] = Line(
            peer, local, sending, lambda: self._drain_all(local), lambda: self._report(name), before=before
        )
        self._admit(local)

    def _close(self, name: str) -> None:
        line = self._lines.pop(name)
        line.close()
        self._states.pop(name, None)
        self._admit(line.local)

    def _admit(self, local: Address) -> None:
        """Receive at one address from its routers; close the sockets there that no session needs."""
        used = {(line.local, line.peer.interface) for line in self._lines.values()}
        for place in self._places(local):
            receiver = self._receivers[place]
            if place in used:
                receiver.admit(self._at(place))
                continue
            del self._receivers[place]
            asyncio.get_running_loop().remove_reader(receiver.socket)
            receiver.socket.close()

    def _places(self, local: Address) -> list[_Place]:
        return [place for place in self._receivers if place[0] == local]

    def _at(self, place: _Place) -> dict[Address, Line]:
        """Return the sessions whose packets may come to a socket.

        The kernel prefers the socket that is bound to the interface, also for sessions that are bound to none.
        """
        local, interface = place
        lines = (line for line in self._lines.values() if line.local == local)
        return {line.peer.address: line for line in lines if line.peer.interface in (None, interface)}

    def _drain_all(self, local: Address) -> None:
        for place in self._places(local):
            self._drain(place)

    def _drain(self, place: _Place) -> None:
        lines = self._at(place)
        for received in self._receivers[place].read():
            if line := lines.get(received.source):
                line.receive(received)

    def _report(self, name: str) -> None:
        self._news.set()
        line = self._lines.get(name)
        if line and line.session.state is not self._states.get(name, State.DOWN):
            status = line.status
            self._states[name] = status.state
            _LOG.info("bfd_state", peer=name, address=str(line.peer.address), state=status.state.name)
        self._changed()


def _end_of(session: BfdSession) -> BfdSession:
    """Return what remains true of a session that is closed."""
    counts, was_up = session.counts, session.was_up
    return BfdSession(since=session.since, diagnostic=session.diagnostic, was_up=was_up, counts=counts)


def _way(peer: Peer) -> tuple[object, ...]:
    """Return all that makes it another session."""
    return peer.address, peer.local_address, peer.interface
