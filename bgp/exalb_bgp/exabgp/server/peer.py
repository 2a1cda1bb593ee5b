"""One peer and its state machine, with the changes that ExaLB needs."""

import time
from collections.abc import Iterator
from math import inf

from exabgp.bgp.fsm import FSM
from exabgp.bgp.message import NOP
from exabgp.reactor import peer
from exabgp.reactor.delay import Delay

from exalb_bgp.exabgp.server.protocol import ADMINISTRATIVE_SHUTDOWN, PEER_DE_CONFIGURED, PatchedProtocol

_OPEN_CHECK_INTERVAL = 1.0
"""Seconds between two checks of the timer that waits for an OPEN, which ExaBGP hides; it counts whole seconds."""


class PatchedDelay(Delay):  # type: ignore[misc]  # ExaBGP has no types
    """The time until the next connection."""

    @property
    def ends(self) -> float:
        """When it ends, on the clock of `time.time`."""
        return float(self._time)


class PatchedPeer(peer.Peer):  # type: ignore[misc]  # ExaBGP has no types
    """One peer and its state machine."""

    def __init__(self, neighbor: object, reactor: object) -> None:
        super().__init__(neighbor, reactor)
        self._delay = PatchedDelay()
        self.connecting: PatchedProtocol | None = None
        """The connection that is being opened."""

    def reestablish(self, restart_neighbor: object = None) -> None:
        """Start again, with another configuration if one is given; also a passive peer without a connection.

        ExaBGP gives such a peer no turn, so it would never apply the configuration.
        """
        super().reestablish(restart_neighbor)
        if self.neighbor["passive"] and self.proto is None:
            self._reset()

    def remove(self) -> None:
        """Send a Cease and end the session.

        ExaBGP sends none: a router with graceful restart (RFC 4724 §4.2) would keep, for the restart time, the routes
        whose withdrawal it did not process.
        """
        if self.proto is not None:
            self.proto.send_cease(PEER_DE_CONFIGURED)
        super().remove()

    def shutdown(self) -> None:
        """End the session as ExaBGP does, silently; with a Cease where nothing is announced any more.

        A node that goes away withdrew everything, so there is nothing that graceful restart is to keep.
        """
        if self.proto is not None and self.proto.announces_nothing:
            self.proto.send_cease(ADMINISTRATIVE_SHUTDOWN)
        super().shutdown()

    def due(self) -> float | None:
        """Return when the peer needs its next turn if no input comes, on the clock of `time.time`.

        None means that only ExaBGP's own turns serve it, because it waits for something that cannot be polled.
        """
        if self.generator is None:
            is_waiting = self.neighbor["passive"] and not self.proto and not self.stopping()
            return inf if is_waiting else self._delay.ends
        if not self.generator:
            return None
        if self.connecting:
            return inf if self.connecting.fd() >= 0 else None
        if self.fsm == FSM.OPENSENT:
            return time.time() + _OPEN_CHECK_INTERVAL
        if self.fsm == FSM.OPENCONFIRM:
            return self._hold_time_ends()
        return self._established_due() if self.fsm == FSM.ESTABLISHED else None

    def _established_due(self) -> float:
        if self._teardown or self.neighbor.eor or self.neighbor.rib.outgoing.pending():
            return 0.0
        timer = self.proto.send_timer
        keepalive = timer.last_sent + timer.keepalive if timer and timer.keepalive else inf
        return min(keepalive, self._hold_time_ends())

    def _hold_time_ends(self) -> float:
        timer = self.recv_timer
        return timer.last_read + timer.holdtime + 1 if timer.holdtime else inf

    def _read_ka(self) -> Iterator[int]:
        """Wait for the first KEEPALIVE; ExaBGP would keep a processor busy until it comes."""
        for message in self.proto.read_keepalive():
            self.recv_timer.check_ka_timer(message)
            yield peer.ACTION.LATER if message.TYPE == NOP.TYPE else peer.ACTION.NOW
