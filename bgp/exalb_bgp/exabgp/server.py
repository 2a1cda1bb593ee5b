"""ExaBGP as it is run here: it reloads whenever it is asked to, tells more of its sessions, and logs in JSON.

`python -m exalb_bgp.exabgp.server CONFIGURATION`, with the options of `options.environment`. Why these differences, and
why here: docs/decisions.
"""

import gc
import json
import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Container, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from exabgp.bgp.message.update.attribute import Attribute
from exabgp.configuration.configuration import Configuration
from exabgp.environment import getenv
from exabgp.logger import log
from exabgp.protocol.ip import IP
from exabgp.reactor import listener, loop, peer
from exabgp.reactor.protocol import Protocol

from exalb_bgp.exabgp.api import Commands, Helpers, Turns
from exalb_bgp.exabgp.clock import Clock

_SECRET = re.compile(r'md5-password "([^"]+)"')
_MOMENT = 5
"""Milliseconds."""
_PATIENCE = 5.0
"""Seconds between two tries to listen on a port that somebody else has."""
_SELDOM = 100_000
"""Objects made, less those gone, between two looks of the garbage collector: what ExaBGP makes are routes, which stay,
and at the usual pace it looks through all of them again and again, a tenth of the time that a bulk takes."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Line(logging.LogRecord):
    """A line of the log: one JSON object, in which no secret stands."""

    secrets: ClassVar[set[str]] = set()

    def getMessage(self) -> str:  # noqa: N802  # the standard library's name
        """Return the object; ExaBGP puts the name of its part before what it says."""
        part, _, words = _COLOUR.sub("", super().getMessage()).strip().partition(" ")
        for secret in sorted(self.secrets, key=len, reverse=True):  # one may be the beginning of another
            words = words.replace(secret, "***")
        moment = datetime.now(UTC).isoformat()
        told = {"event": words.strip(), "level": self.levelname.lower(), "logger": f"exabgp.{part}"}
        return json.dumps(told | {"timestamp": moment})


class Conversation(Protocol):  # type: ignore[misc]  # ExaBGP has no types
    """One session's messages; it remembers for which families End-of-RIB was written."""

    def __init__(self, owner: peer.Peer) -> None:
        super().__init__(owner)
        self.ended: list[str] = []
        self.waits = False
        """Whether an UPDATE waits until the peer reads on."""

    def send(self, raw: bytes) -> Iterator[bool]:
        """Write an UPDATE; tell at each step whether all of it was written."""
        for written in super().send(raw):
            self.waits = not written
            yield written

    def validate_open(self) -> None:
        """Agree on the session, and drop the routes of the one before that this one cannot carry (RFC 8950).

        ExaBGP would repeat them, take its own UPDATE for an error, and end the session; and so again and again.
        """
        _locate(self.peer)
        super().validate_open()
        agreed = {(afi, hop) for afi, _, hop in self.negotiated.nexthop}
        rib = self.neighbor.rib.outgoing
        for change in list(rib.cached_changes()):
            afis = change.nlri.afi, change.nlri.nexthop.afi
            if afis[0] != afis[1] and afis not in agreed:
                rib.del_from_rib(change)

    def new_eor(self, afi: object, safi: object) -> Iterator[object]:
        """Write one End-of-RIB."""
        yield from super().new_eor(afi, safi)
        self.ended.append(f"{afi} {safi}")

    def new_notification(self, notification: object) -> Iterator[object]:
        """Write a NOTIFICATION, but wait for no peer that reads nothing: its session would never end."""
        for written in super().new_notification(notification):
            if not (self.connection and self.connection.writing()):
                return
            yield written


class Session(peer.Peer):  # type: ignore[misc]  # ExaBGP has no types
    """One peer and what goes on with it."""

    def reestablish(self, restart_neighbor: object = None) -> None:
        """Begin anew, with another configuration if one is given; also one that waits for a call and got none.

        ExaBGP gives those no turn, in which they could take it.
        """
        super().reestablish(restart_neighbor)
        if self.neighbor["passive"] and self.proto is None:
            self._reset()


class Table(Configuration):  # type: ignore[misc]  # ExaBGP has no types
    """The peers, and the way of a route to them."""

    neighbors: dict[str, Any]

    def inject_change(self, peers: Container[str], change: Any) -> bool:  # noqa: ANN401
        """Give a route to peers; return whether any of them can carry it.

        ExaBGP makes a deep copy for each, to put the peer's own address where the next hop is "self", which takes it
        as long as all else together. No command here says "self", and nothing writes to a route that was given.
        """
        family = change.nlri.family().afi_safi()
        told = [one for name, one in self.neighbors.items() if name in peers and family in one.families()]
        for neighbor in told:
            neighbor.rib.outgoing.add_to_rib(change)
        return bool(told)


class Callers(listener.Listener):  # type: ignore[misc]  # ExaBGP has no types
    """Those who call where sessions wait."""

    def incoming(self) -> bool:
        """Tell whether somebody calls; ExaBGP forgets who called in the same moment as a stranger did."""
        return bool(super().incoming() or (self.serving and self._accepted))


class Engine(loop.Reactor):  # type: ignore[misc]  # ExaBGP has no types
    """The loop around all peers."""

    configuration: Any

    def __init__(self, path: Path) -> None:
        super().__init__(Table([str(path)]))
        self.listener = Callers(self)
        self.asynchronous, self.api = Turns(), Commands(self)
        self._path = path
        self._listen_again: float | None = None
        """When to try once more to listen where others listened, on the clock of `time.monotonic`."""

    def _pending_adjribout(self) -> bool:
        """Let nothing that waits for one peer keep the others from a reload.

        ExaBGP drops a reload while routes wait for any peer, and for a peer out of reach they wait without end. They
        are no part of what a reload replaces.
        """
        return False

    def _wait_for_io(self, sleeptime: int) -> Iterator[int]:
        """Wait for something to read, at least a moment while a peer reads nothing; ExaBGP would go round and round."""
        waits = any(one.proto and one.proto.waits for one in self._peers.values())
        yield from super()._wait_for_io(max(sleeptime, _MOMENT) if waits else sleeptime)

    def _listen_for_neighbors(self) -> bool:
        """Listen for passive sessions; what cannot be had now is tried again, and harms no session that is there.

        ExaBGP would not start at all, and never try again.
        """
        self._listen_again = None if super()._listen_for_neighbors() else time.monotonic() + _PATIENCE
        return True

    def active_peers(self) -> set[str]:
        """Return the peers that have something to do, which is asked for in every round."""
        if self._listen_again is not None and time.monotonic() >= self._listen_again:
            self._listen_for_neighbors()
        active: set[str] = super().active_peers()
        return active

    def reload(self) -> bool:
        """Take in the configuration, of which the passwords are secret from now on, or keep the one before.

        A parser that failed would fail for ever, and have forgotten the neighbours and the helper.
        """
        before = self.configuration.neighbors, self.configuration.processes
        done = False
        try:
            Line.secrets.update(_SECRET.findall(self._path.read_text("ascii", errors="replace")))
            done = bool(super().reload())
        except OSError as error:
            reason = str(error)
            log.error(lambda: reason, "configuration")
        for one in self._peers.values():
            _locate(one)
        if not done:
            self.configuration = Table([str(self._path)])
            self.configuration.neighbors, self.configuration.processes = before
        return done

    def neighbor_cli_data(self, peer_name: str) -> dict[str, Any]:
        """Tell beside what ExaBGP tells what was agreed on next hops (RFC 8950), and which End-of-RIB were written.

        And of all peers, how many events were told and how many commands were taken.
        """
        told: dict[str, Any] = super().neighbor_cli_data(peer_name)
        one = self._peers[peer_name]
        agreed = one.proto.negotiated.nexthop if one.proto and one.fsm.name() == "ESTABLISHED" else []
        told["capabilities"]["nexthop"] = (bool(one.neighbor.nexthops()), [" ".join(map(str, hop)) for hop in agreed])
        told["messages"]["end-of-rib"] = (one.proto.ended if one.proto else [], None)
        told["messages"]["event"] = (self.processes.told, None)
        told["messages"]["command"] = (None, self.api.taken)
        return told


def _locate(one: peer.Peer) -> None:
    """Note which of its own addresses a session has, where the kernel chose it: a reload makes ExaBGP forget it."""
    connection = one.proto and one.proto.connection
    if one.neighbor.auto_discovery and connection and connection.local:
        one.neighbor["local-address"] = IP.create(connection.local)


def crashed(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
    """Log what nobody caught, the traceback in one line."""
    text = "".join(traceback.format_exception(kind, error, trace))
    logging.getLogger("exabgp").critical("crash %s", text)


def main(path: str) -> int:
    """Run until a signal or the helper ends it; return the exit code."""
    gc.set_threshold(_SELDOM)
    logging.setLogRecordFactory(Line)
    logging.getLogger("exabgp").addHandler(logging.StreamHandler(sys.stderr))
    sys.excepthook = crashed
    threading.excepthook = lambda told: crashed(told.exc_type, told.exc_value, told.exc_traceback)
    peer.Protocol, loop.Peer, loop.Processes = Conversation, Session, Helpers
    time.time = Clock(time.time(), time.monotonic)
    environment = getenv()
    log.init(environment)
    Attribute.caching = environment.cache.attributes
    code: int = Engine(Path(path)).run()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
