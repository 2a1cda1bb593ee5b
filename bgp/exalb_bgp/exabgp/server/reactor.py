"""The event loop of ExaBGP, with the changes that ExaLB needs."""

import re
import select
import time
from collections.abc import Container, Iterator, Sequence
from typing import Any

from exabgp.configuration.configuration import Configuration
from exabgp.logger import log
from exabgp.reactor import listener, loop

from exalb_bgp.exabgp.interface import LONGEST_SLEEP
from exalb_bgp.exabgp.server.api import PatchedApi, PatchedAsync
from exalb_bgp.exabgp.server.log_lines import JsonLogRecord
from exalb_bgp.exabgp.server.peer import PatchedPeer
from exalb_bgp.exabgp.server.poller import SHORTEST_WAIT, Poller, Waits
from exalb_bgp.exabgp.server.protocol import keep_local_address
from exalb_bgp.exabgp.server.routes import Route

_SECRET = re.compile(r'md5-password "([^"]+)"')
_LISTEN_INTERVAL = 5.0
"""Seconds between two attempts to listen on a port that another program has."""


class PatchedConfiguration(Configuration):  # type: ignore[misc]  # ExaBGP has no types
    """The neighbors, and the distribution of routes to them."""

    neighbors: dict[str, Any]

    def inject_change(self, peers: Container[str], change: Any) -> bool:  # noqa: ANN401
        """Add a route to the RIBs of peers; return whether any of them can carry it.

        ExaBGP makes a deep copy for each peer, to replace the next hop "self", which takes as long as everything else
        together. No command of ExaLB uses "self", and nothing modifies a route after it was added.
        """
        ribs = list(self._ribs(peers, change))
        for rib in ribs:
            rib.add_to_rib(change)
        return bool(ribs)

    def inject_all(self, peers: Container[str], routes: Sequence[Route]) -> None:
        """Add routes of one family that share their attributes to the RIBs of peers."""
        for rib in self._ribs(peers, routes[0]):
            rib.add_all(routes)

    def _ribs(self, peers: Container[str], change: Any) -> Iterator[Any]:  # noqa: ANN401
        """Yield the RIBs of the peers that can carry a route."""
        family = change.nlri.family().afi_safi()
        for name, neighbor in self.neighbors.items():
            if name in peers and family in neighbor.families():
                yield neighbor.rib.outgoing


class PatchedListener(listener.Listener):  # type: ignore[misc]  # ExaBGP has no types
    """Incoming connections for passive sessions."""

    def incoming(self) -> bool:
        """Return whether a connection came in; ExaBGP loses one that comes together with one of an unknown peer."""
        return bool(super().incoming() or (self.serving and self._accepted))

    def descriptors(self) -> Iterator[int]:
        """Yield those at which connections come in."""
        yield from (listening.fileno() for listening in self._sockets)


class PatchedReactor(loop.Reactor):  # type: ignore[misc]  # ExaBGP has no types
    """The loop around all peers."""

    configuration: Any

    def __init__(self, path: str) -> None:
        super().__init__(PatchedConfiguration([path]))
        self.listener = PatchedListener(self)
        self.asynchronous, self.api = PatchedAsync(), PatchedApi(self)
        self._poller = Poller(self._waits)
        self._path = path
        self._listen_again: float | None = None
        """When to try again to listen on ports that were taken, on the clock of `time.monotonic`."""

    def _pending_adjribout(self) -> bool:
        """Return False, so that routes that wait for one peer do not block a reload.

        ExaBGP drops a reload while routes wait for any peer, and for an unreachable peer they wait permanently. A
        reload does not touch them.
        """
        return False

    def _wait_for_io(self, sleeptime: int) -> Iterator[int]:
        """Wait for input, for a minimum time while a peer does not read; ExaBGP would loop without a pause."""
        if sleeptime:
            self.processes.flush()
        waits = any(known.proto and known.proto.waits for known in self._peers.values())
        yield from super()._wait_for_io(max(sleeptime, SHORTEST_WAIT) if waits else sleeptime)

    def _waits(self, turn: float) -> Waits:
        """Return until when the loop may sleep; `turn` is the length of ExaBGP's own turns, in seconds."""
        peers, now = list(self._peers.values()), time.time()
        seconds = [LONGEST_SLEEP, *(turn if due is None else due - now for due in map(PatchedPeer.due, peers))]
        if self.signal.received or not self.asynchronous.ready():
            seconds.append(0.0)
        if self._listen_again is not None:
            seconds.append(self._listen_again - time.monotonic())
        sockets = dict.fromkeys(self.listener.descriptors(), select.POLLIN)
        sockets |= {peer.connecting.fd(): select.POLLOUT for peer in peers if peer.connecting}
        sockets.pop(-1, None)
        return Waits(max(SHORTEST_WAIT / 1000, min(seconds)), sockets)

    def _listen_for_neighbors(self) -> bool:
        """Listen for passive sessions; a taken port is retried, and affects no other session.

        ExaBGP would not start, and would not retry.
        """
        self._listen_again = None if super()._listen_for_neighbors() else time.monotonic() + _LISTEN_INTERVAL
        return True

    def active_peers(self) -> set[str]:
        """Return the peers that have work. ExaBGP calls this when a turn begins, so two things are done here.

        Commands are executed: ExaBGP gives peers a turn before it reads commands, and the UPDATEs would wait for the
        next turn. Taken ports are retried.
        """
        if any(descriptor in self.processes.fds for descriptor in self._poller.woken_by):
            self._execute_commands()
        if self._listen_again is not None and time.monotonic() >= self._listen_again:
            self._listen_for_neighbors()
        active: set[str] = super().active_peers()
        return active

    def _execute_commands(self) -> None:
        for service, command in self.processes.received():
            self.api.process(self, service, command)
        self.asynchronous.run()

    def reload(self) -> bool:
        """Read the configuration and register its passwords as secrets; keep the previous one if that fails.

        A parser that failed once would fail permanently, and would have lost the neighbors and the helper.
        """
        before = self.configuration.neighbors, self.configuration.processes
        done = False
        try:
            with open(self._path, encoding="ascii", errors="replace") as file:
                JsonLogRecord.secrets.update(_SECRET.findall(file.read()))
            done = bool(super().reload())
        except OSError as error:
            reason = str(error)
            log.error(lambda: reason, "configuration")
        for known in self._peers.values():
            keep_local_address(known)
        if not done:
            self.configuration = PatchedConfiguration([self._path])
            self.configuration.neighbors, self.configuration.processes = before
        return done

    def neighbor_cli_data(self, peer_name: str) -> dict[str, Any]:
        """Add the negotiated next hops (RFC 8950) and the families whose End-of-RIB was written."""
        data: dict[str, Any] = super().neighbor_cli_data(peer_name)
        known = self._peers[peer_name]
        agreed = known.proto.negotiated.nexthop if known.proto and known.fsm.name() == "ESTABLISHED" else []
        data["capabilities"]["nexthop"] = (bool(known.neighbor.nexthops()), [" ".join(map(str, hop)) for hop in agreed])
        data["messages"]["end-of-rib"] = (known.proto.ended if known.proto else [], None)
        return data
