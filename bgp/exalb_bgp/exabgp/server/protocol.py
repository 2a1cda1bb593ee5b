"""The messages of one session, with the changes that ExaLB needs."""

import contextlib
from collections.abc import Iterator
from copy import copy
from typing import Any

from exabgp.bgp.message import EOR, Action, Message, Notify, Update
from exabgp.bgp.message.direction import Direction
from exabgp.bgp.message.update.attribute import Attributes
from exabgp.bgp.timer import SendTimer
from exabgp.logger import log
from exabgp.protocol.ip import IP
from exabgp.reactor import peer
from exabgp.reactor.api.processes import ProcessError
from exabgp.reactor.keepalive import KA
from exabgp.reactor.network.error import NetworkError
from exabgp.reactor.protocol import _NOP, _UPDATE, Protocol
from exabgp.rib.change import Change

from exalb_bgp.exabgp.server.closing import close_after_peer
from exalb_bgp.exabgp.server.routes import written

_CEASE = 6
ADMINISTRATIVE_SHUTDOWN, PEER_DE_CONFIGURED = 2, 3
"""Subcodes of Cease (RFC 4486 §4)."""


class PatchedKeepalive(KA):  # type: ignore[misc]  # ExaBGP has no types
    """Sends the KEEPALIVEs of one session; the session knows its timer."""

    def __init__(self, session: object, protocol: "PatchedProtocol") -> None:
        super().__init__(session, protocol)
        protocol.send_timer = self.send_timer


class PatchedProtocol(Protocol):  # type: ignore[misc]  # ExaBGP has no types
    """The messages of one session; stores the families whose End-of-RIB was written."""

    def __init__(self, owner: peer.Peer) -> None:
        super().__init__(owner)
        self.ended: list[str] = []
        self.waits = False
        """Whether an UPDATE waits until the peer reads more."""
        self.send_timer: SendTimer | None = None
        """When the next KEEPALIVE is due; None before the session is Established."""

    def connect(self) -> Iterator[bool]:
        """Connect; yield whether it succeeded. Meanwhile the peer shows its connection, so that it can be polled."""
        self.peer.connecting = self
        try:
            yield from super().connect()
        finally:
            if self.peer.connecting is self:
                self.peer.connecting = None

    def send(self, raw: bytes) -> Iterator[bool]:
        """Write a message, and report an UPDATE once all of it was written; yield at each step whether it was."""
        if raw[Message.HEADER_LEN - 1] != Message.CODE.UPDATE:  # ROUTE-REFRESH comes this way, too
            yield from super().send(raw)
            return
        for done in self.connection.writer(raw):
            self.waits = not done
            if done:
                self._report(raw)
            yield done

    def _report(self, raw: bytes) -> None:
        self.peer.stats["send-update"] += 1
        if not self.neighbor.api.get("send-update"):
            return
        body = raw[Message.HEADER_LEN :]
        if message := written(body, self.negotiated):
            self.peer.reactor.processes.report_update(self.neighbor, message)
        else:
            self._to_api("send", Update.unpack_message(body, Direction.OUT, self.negotiated), raw)

    def validate_open(self) -> None:
        """Negotiate, and drop routes of the previous session that this one cannot carry (RFC 8950).

        ExaBGP would send them again, treat its own UPDATE as an error, and end the session, and repeat that in each
        later session.
        """
        keep_local_address(self.peer)
        super().validate_open()
        agreed = {(afi, hop) for afi, _, hop in self.negotiated.nexthop}
        rib = self.neighbor.rib.outgoing
        for change in list(rib.cached_changes()):
            afis = change.nlri.afi, change.nlri.nexthop.afi
            if afis[0] != afis[1] and afis not in agreed:
                rib.del_from_rib(change)

    def new_update(self, include_withdraw: bool) -> Iterator[object]:
        """Write the UPDATEs that are due. A route whose UPDATE cannot be built is withdrawn, and the session stays.

        ExaBGP would end the session, and would fail at the same route in each later one.
        """
        rib = self.neighbor.rib.outgoing
        for update in rib.updates(self.neighbor["group-updates"]):
            try:
                yield from self._write_messages(update, include_withdraw)
            except (NetworkError, ProcessError):
                raise
            except Exception as error:  # noqa: BLE001 - any error concerns only the routes of this UPDATE
                self._log_unbuilt(update, error)
                yield from self._write_messages(_withdrawal(rib, update), include_withdraw=True)
        yield _UPDATE

    def _write_messages(self, update: Any, include_withdraw: bool) -> Iterator[object]:  # noqa: ANN401
        for raw in update.messages(self.negotiated, include_withdraw):
            for _ in self.send(raw):
                yield _NOP

    def _log_unbuilt(self, update: Any, error: Exception) -> None:  # noqa: ANN401
        first, *others = update.nlris
        more = f" and {len(others)} more" if others else ""
        text = f"the UPDATE for {first}{more} cannot be built, so it is withdrawn: {type(error).__name__} {error}"
        log.error(lambda: text, self.connection.session())

    def new_eor(self, afi: object, safi: object) -> Iterator[object]:
        """Write one End-of-RIB."""
        yield from super().new_eor(afi, safi)
        self.ended.append(f"{afi} {safi}")

    def new_notification(self, notification: object) -> Iterator[object]:
        """Write a NOTIFICATION without waiting for a peer that does not read: its session would never end."""
        for done in super().new_notification(notification):
            if not (self.connection and self.connection.writing()):
                return
            yield done

    def send_cease(self, subcode: int) -> None:
        """Write End-of-RIB and a NOTIFICATION, unless the peer has to read the rest of an UPDATE first.

        A router that ignores the NOTIFICATION because of graceful restart (RFC 8538) removes the routes of an earlier
        session at the End-of-RIB.
        """
        if self.connection and self.connection.io and not self.waits:
            last = [EOR(afi, safi).message() for afi, safi in self.negotiated.families]
            with contextlib.suppress(OSError):
                self.connection.io.send(b"".join([*last, Notify(_CEASE, subcode, b"").message(self.negotiated)]))

    @property
    def announces_nothing(self) -> bool:
        """Whether the peer has the whole table of this session, and it is empty."""
        rib = self.neighbor.rib.outgoing
        return bool(self.ended) and not rib.pending() and not any(True for _ in rib.cached_changes())

    def close(self, reason: str = "") -> None:
        """Close the connection so that the peer can read what was sent."""
        if self.connection and self.connection.io:
            close_after_peer(self.connection.io)
        super().close(reason)


def _withdrawal(rib: Any, update: Any) -> Update:  # noqa: ANN401
    """Return an UPDATE that withdraws all routes of another one, and remove them from the RIB."""
    nlris = []
    for nlri in update.nlris:
        gone = copy(nlri)
        gone.action = Action.WITHDRAW
        nlris.append(gone)
        rib.update_cache(Change(gone, update.attributes))
    return Update(nlris, Attributes())


def keep_local_address(patched: peer.Peer) -> None:
    """Keep the session's local address if the kernel chose it: ExaBGP loses it with a reload."""
    connection = patched.proto and patched.proto.connection
    if patched.neighbor.auto_discovery and connection and connection.local:
        patched.neighbor["local-address"] = IP.create(connection.local)
