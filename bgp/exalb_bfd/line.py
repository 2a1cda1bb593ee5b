"""One session with its sending socket and its timers."""

import asyncio
import random
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from exalb_bfd import session as machine
from exalb_bfd.packet import Packet, State, build, parse
from exalb_bfd.peers import Address, BfdCounts, BfdSession, Peer
from exalb_bfd.session import Session
from exalb_bfd.sockets import Received, destination

_LATE = 0.25
"""A packet is late by more than this part of its interval."""
_BURST = 20
"""Packets of a router that are read at once, whatever its interval."""
_MARGIN = 4.0
"""A router may send so much faster than it says before its packets are dropped."""
_NEAR = 0.001
"""Seconds; a timer may ring so much too early."""


class Line:
    """A session on its way: `drain` reads what arrived already, `changed` is called after each change of state.

    `before` is the end of the session that this process had with the router before the way to it was gone.
    """

    def __init__(
        self,
        peer: Peer,
        local: Address,
        sender: socket.socket,
        drain: Callable[[], None],
        changed: Callable[[], None],
        *,
        before: BfdSession | None = None,
    ) -> None:
        self.peer, self.local = peer, local
        self._sender, self._drain, self._changed = sender, drain, changed
        self._loop = asyncio.get_running_loop()
        self.session = machine.fresh(peer.parameters, machine.discriminator(local, peer.address))
        self._since: float | None = None
        self._was_up = False
        self._counts = BfdCounts()
        self._problem: str | None = None
        self._due: float | None = None
        """When the next periodic packet is to be sent."""
        self._sending: asyncio.TimerHandle | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._allowance, self._counted_at = float(_BURST), self._loop.time()
        self._listening = self._loop.call_later(machine.LISTEN_SECONDS, self._begin)
        if before:
            self._since, self._was_up, self._counts = before.since, before.was_up, before.counts
            self.session = replace(machine.begin(self.session), diagnostic=before.diagnostic)
            self._transmit()
        if peer.disabled:
            self._become(machine.disable(self.session))

    @property
    def status(self) -> BfdSession:
        """The status for people and programs."""
        session, remote = self.session, self.session.remote
        slower = max(session.transmit_interval, remote.receive_interval if remote else 0) / 1e6
        return BfdSession(
            state=session.state,
            since=self._since,
            diagnostic=session.diagnostic,
            remote_state=remote.state if remote else None,
            remote_diagnostic=remote.diagnostic if remote else 0,
            transmit_interval=slower,
            detection_time=machine.detection_time(session),
            remote_detection_time=slower * session.parameters.multiplier if remote else None,
            was_up=self._was_up,
            listening=session.listening,
            problem=self._problem,
            counts=self._counts,
        )

    def close(self) -> None:
        """Stop, without another packet."""
        for timer in (self._sending, self._watching, self._listening):
            if timer:
                timer.cancel()
        self._sender.close()

    def configure(self, peer: Peer) -> None:
        """Use other parameters of the same router."""
        self.peer = peer
        session = machine.change(self.session, peer.parameters)
        self._become(machine.disable(session) if peer.disabled else machine.enable(session), at_once=True)

    def disable(self) -> None:
        """Say once that the session is taken down on purpose."""
        self._become(machine.disable(self.session), at_once=True)

    def leave(self) -> None:
        """Ask the router to wait for the next process."""
        self._become(machine.leave(self.session), at_once=True)

    @property
    def is_leaving(self) -> bool:
        """Whether the router has not yet agreed to wait."""
        return self.session.state is State.UP and self.session.polling

    def receive(self, received: Received) -> None:
        """Handle a packet of the router, unless there are too many."""
        if not self._allowed():
            self._counts = replace(self._counts, dropped=self._counts.dropped + 1)
            return
        packet = parse(received.data)
        if packet is None or packet.your_discriminator not in (0, self.session.discriminator):
            return
        self._become(machine.receive(self.session, packet, received.at))
        if packet.poll and self.session.state is not State.ADMIN_DOWN:
            self._send(machine.packet_of(self.session, final=True))

    def _allowed(self) -> bool:
        """Count a packet; return False if the router sends far more than it says."""
        now = self._loop.time()
        fastest = min(self.session.parameters.receive_interval, machine.SLOW) / 1e6
        self._allowance = min(_BURST, self._allowance + (now - self._counted_at) * _MARGIN / fastest)
        self._counted_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _begin(self) -> None:
        if self.session.listening:
            self._become(machine.begin(self.session), at_once=True)

    def _become(self, session: Session, *, at_once: bool = False) -> None:
        """Store the new state of the session; send at once if the router must know, and set the timers."""
        before, self.session = self.session, session
        if session.state is not before.state:
            self._since = time.time()
            is_up, was_up = session.state is State.UP, before.state is State.UP
            up, down = self._counts.up + is_up, self._counts.down + was_up
            self._counts, self._was_up = replace(self._counts, up=up, down=down), self._was_up or is_up
        said = (before.state, before.transmit_interval, before.parameters, before.listening)
        if at_once or said != (session.state, session.transmit_interval, session.parameters, session.listening):
            self._transmit()
        elif _pace(before) != _pace(session):
            self._schedule()
        self._watch()
        if at_once or (session.state, session.polling) != (before.state, before.polling):
            self._changed()

    def _transmit(self) -> None:
        """Send a packet, and set the time of the next one."""
        if self.session.listening:
            return
        now = self._loop.time()
        interval = machine.transmit_after(self.session, 0.0)
        if self._due is not None and interval is not None and now - self._due > _LATE * interval:
            self._counts = replace(self._counts, late=self._counts.late + 1)
        self._send(machine.packet_of(self.session))
        self._schedule()

    def _schedule(self) -> None:
        if self._sending:
            self._sending.cancel()
        interval = machine.transmit_after(self.session, random.random())  # noqa: S311 - jitter
        self._due = None if interval is None else self._loop.time() + interval
        self._sending = None if self._due is None else self._loop.call_at(self._due, self._transmit)

    def _send(self, packet: Packet) -> None:
        try:
            self._sender.sendto(build(packet), destination(self.peer))
            problem = None
        except BlockingIOError:
            return
        except OSError as error:
            problem = f"no packet can be sent to {self.peer.address}: {error.strerror}"
        if problem != self._problem:
            self._problem = problem
            self._changed()

    def _watch(self) -> None:
        """Set the timer of the detection time; one that rings too early is set again."""
        deadline = machine.deadline(self.session)
        armed = self._watching.when() if self._watching else None
        if armed is not None and (deadline is None or deadline < armed - _NEAR) and self._watching:
            self._watching.cancel()
            self._watching = armed = None
        if deadline is not None and armed is None:
            self._watching = self._loop.call_at(deadline + _NEAR, self._check)

    def _check(self) -> None:
        """Take the router for dead, unless a packet of it waits to be read, since this process may be late itself."""
        self._watching = None
        self._drain()
        deadline = machine.deadline(self.session)
        if deadline is not None and self._loop.time() >= deadline:
            self._become(machine.expire(self.session))
        else:
            self._watch()


def _pace(session: Session) -> tuple[object, ...]:
    """Return all that the time of the next packet depends on."""
    remote = session.remote
    quiet = (remote.receive_interval, remote.demand, remote.state) if remote else None
    return session.pace, session.polling, quiet
