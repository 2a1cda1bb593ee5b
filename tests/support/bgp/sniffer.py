"""An observer next to a router: every BGP message that passes, with the kernel's own time stamp.

with Wire(namespace) as wire:
    ...
    times = wire.announced(prefix, by=nodes, after=begun)
"""

import threading
from collections.abc import Callable, Iterable

from exalb_bgp.rib import Address, Prefix
from tests.lab.network import Namespace
from tests.support import segments
from tests.support.bgp.messages import Kind, Message, decode, split
from tests.support.segments import Segment
from tests.support.socket_watcher import SocketWatcher

BGP = 179


class WireError(RuntimeError):
    """The expected messages did not pass; the text says which ones did."""


class _Stream:
    """One direction of a connection, put in order again."""

    def __init__(self) -> None:
        self.next: int | None = None
        self.early: dict[int, bytes] = {}
        self.bytes = bytearray()

    def take(self, sequence: int, flags: int, data: bytes) -> None:
        if flags & segments.SYN:
            self.next, self.early, self.bytes = sequence + 1 & 0xFFFFFFFF, {}, bytearray()
            return
        if self.next is None:
            self.next = sequence
        self.early[sequence] = max(data, self.early.get(sequence, b""), key=len)
        while (found := self._following()) is not None:
            data = self.early.pop(found)
            fresh = data[self.next - found & 0xFFFFFFFF :]
            self.bytes += fresh
            self.next = self.next + len(fresh) & 0xFFFFFFFF

    def _following(self) -> int | None:
        """Find a segment that begins at or before the next expected byte: retransmissions may overlap."""
        expected = self.next or 0
        return next((sequence for sequence in self.early if (expected - sequence & 0xFFFFFFFF) < 1 << 31), None)


class Wire(SocketWatcher):
    """Watches a namespace while its `with` block lasts. Readable at any time, also from other threads."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.messages: list[Message] = []
        """All that passed so far, in order."""
        self._streams: dict[tuple[tuple[Address, int], tuple[Address, int]], _Stream] = {}
        self._news = threading.Condition()
        super().__init__(segments.listen(namespace, BGP), f"wire of {namespace.name}")

    def updates(self, source: Address | None = None, after: float = 0) -> list[Message]:
        """Return the UPDATEs that passed, without End-of-RIB markers."""
        return [
            message
            for message in list(self.messages)
            if message.kind is Kind.UPDATE and message.end_of_rib is None and message.time > after
            if source in {None, message.source}
        ]

    def announced(
        self, prefix: Prefix, by: Iterable[Address], after: float = 0, seconds: float = 10
    ) -> dict[Address, float]:
        """Wait until all of `by` announced the prefix, and return when each first did, in UNIX time; else WireError."""
        return self._first(f"announce {prefix}", lambda m: prefix in m.announced, by, after, seconds)

    def withdrawn(
        self, prefix: Prefix, by: Iterable[Address], after: float = 0, seconds: float = 10
    ) -> dict[Address, float]:
        """Wait until all of `by` withdrew the prefix, and return when each first did, in UNIX time; else WireError."""
        return self._first(f"withdraw {prefix}", lambda m: prefix in m.withdrawn, by, after, seconds)

    def wait(self, condition: Callable[[], bool], otherwise: str, seconds: float = 10) -> None:
        """Wait for something to be true of `messages`; else WireError with `otherwise`."""
        with self._news:
            if not self._news.wait_for(condition, seconds):
                raise WireError(f"{self.namespace.name}: {otherwise} (waited {seconds:.0f} s)")

    def _first(
        self, what: str, match: Callable[[Message], bool], by: Iterable[Address], after: float, seconds: float
    ) -> dict[Address, float]:
        wanted, times, seen = frozenset(by), dict[Address, float](), 0

        def all_did() -> bool:
            nonlocal seen
            for message in self.messages[seen:]:
                if message.time > after and message.source in wanted and match(message):
                    times.setdefault(message.source, message.time)
            seen = len(self.messages)
            return times.keys() == wanted

        try:
            self.wait(all_did, f"not everyone did {what}", seconds)
        except WireError as error:
            missing = ", ".join(map(str, sorted(wanted - times.keys(), key=str)))
            raise WireError(f"{error}: still missing {missing}") from None
        return times

    def read(self) -> None:
        """Note the messages that the next packet completes."""
        if messages := self._take(segments.receive(self._socket)):
            with self._news:
                self.messages += messages
                self._news.notify_all()

    def _take(self, segment: Segment) -> list[Message]:
        stream = self._streams.setdefault((segment.source, segment.destination), _Stream())
        if segment.data or segment.flags & segments.SYN:
            stream.take(segment.sequence, segment.flags, segment.data)
        ends = segment.source[0], segment.destination[0]
        return [decode(segment.time, *ends, kind, body) for kind, body in split(stream.bytes)]
