"""A thread that answers ARP or NDP on one interface: woken by the frame itself, without a turn of the event loop."""

import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from exalb_l2.frames import Address, PreparedReplies, claimed

_LOOK_SECONDS = 10
"""How long a thread waits for a frame before it looks whether it is to end."""
_SOME, _FLOOD = 64, 2000
"""When so many frames come at this rate in Hz, those that follow are read together."""
_MOST, _FEW, _GATHER_SECONDS = 1024, 8, 0.005
"""Frames of a flood are gathered for so long and read together, until few come: a flood costs a part of a core."""
_AT_ONCE = int(socket.MSG_DONTWAIT)
_LONGEST, _WAITING = 256, 1024
"""Octets of a frame, and frames that wait for the event loop: of more, the oldest are lost."""
_KNOWN = 1024
"""Frames whose replies are remembered: hosts ask by the same octets again and again."""


class Answerer:
    """Reads the frames of a packet socket, which is its own from now on, and answers those that it has a reply for."""

    def __init__(self, opened: socket.socket, mac: bytes, others: Callable[[], None]) -> None:
        """`others` is called in the thread when a frame waits whose sender claims an admitted address."""
        self._socket, self._replies, self._others = opened, PreparedReplies(mac), others
        self._contested: frozenset[bytes] = frozenset()
        self._known: dict[bytes, bytes] = {}
        """Frames with their replies; another dictionary after each change, so that no older reply gets into it."""
        self._waiting: deque[bytes] = deque(maxlen=_WAITING)
        self._is_closed = self._is_said = False
        self.answered = 0
        # A timeout of Python's own would cost a system call for each frame.
        opened.setblocking(True)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _LOOK_SECONDS, 0))
        threading.Thread(target=self._run, name="answers", daemon=True).start()

    def admit(self, addresses: Iterable[Address]) -> None:
        """Leave frames of who claims one of these addresses to the event loop."""
        self._contested = frozenset(address.packed for address in addresses)
        self._known = {}

    def answer_for(self, addresses: Iterable[Address]) -> None:
        """Answer for these addresses, in place of those before."""
        self._replies.prepare(addresses)
        self._known = {}

    def waiting(self) -> list[bytes]:
        """Return the frames of who claims an admitted address, and forget them."""
        self._is_said = False
        return [self._waiting.popleft() for _ in range(len(self._waiting))]

    def close(self) -> None:
        """Answer nothing more; the thread ends, and closes the socket, when it next looks."""
        self._is_closed = True
        self.answer_for(())

    def _run(self) -> None:
        while not self._is_closed:
            since = time.monotonic()
            if self._take(_SOME, 0) == _SOME and time.monotonic() - since < _SOME / _FLOOD:
                self._gather()
        self._socket.close()

    def _gather(self) -> None:
        count = _MOST
        while count > _FEW and not self._is_closed:
            time.sleep(_GATHER_SECONDS)
            count = self._take(_MOST, _AT_ONCE)

    def _take(self, most: int, flags: int) -> int:
        """Take up to `most` frames; return how many came. Who claims an address that is wanted is for the handler."""
        receive, send = self._socket.recv, self._socket.send
        for count in range(most):
            try:
                frame = receive(_LONGEST, flags)
            except OSError:
                return count
            if self._is_closed:
                return count
            reply = self._known.get(frame) or self._reply(frame)
            if reply is None:
                continue
            self.answered += 1
            try:
                send(reply, _AT_ONCE)
            except OSError:  # what a full queue refuses is lost, as on a wire
                continue
        return most

    def _reply(self, frame: bytes) -> bytes | None:
        """Return the reply to a frame that did not come lately; leave it to the event loop if it claims an address."""
        known = self._known
        if claimed(frame) in self._contested:
            self._leave(frame)
            return None
        reply = self._replies.to(frame)
        if reply:
            if len(known) >= _KNOWN:
                known.clear()
            known[frame] = reply
        return reply

    def _leave(self, frame: bytes) -> None:
        self._waiting.append(frame)
        if not self._is_said:
            self._is_said = True
            self._others()
