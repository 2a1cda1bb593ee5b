"""One answer of an HTTP/1.1 server (RFC 9112): its head, and its body as it comes. h11 reads the framing."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import h11

_AT_ONCE = 1 << 16
"""Octets that are read at once, at most."""
_GZIP = 31
"""The window of zlib for the format of gzip."""


class Answer:
    """The answer to a request that was sent. `silence` is for how many seconds the server may say nothing."""

    def __init__(self, reader: asyncio.StreamReader, protocol: h11.Connection, silence: float | None) -> None:
        self._reader, self._protocol, self._silence = reader, protocol, silence
        self.status, self.reason = 0, ""
        self._inflate: zlib._Decompress | None = None
        self._error: h11.ProtocolError | None = None

    async def begin(self) -> None:
        """Read the head. Raises OSError."""
        async with asyncio.timeout(self._silence):
            head = await self._next()
            while isinstance(head, h11.InformationalResponse):  # which precede the final one
                head = await self._next()
        if not isinstance(head, h11.Response):
            raise ConnectionError("the server closed the connection")
        self.status, self.reason = head.status_code, bytes(head.reason).decode("latin-1")
        if dict(head.headers).get(b"content-encoding", b"").lower() == b"gzip":
            self._inflate = zlib.decompressobj(_GZIP)

    @property
    def leaves_connection(self) -> bool:
        """Whether the connection can have another request: the whole body was read, and the server keeps it open."""
        is_done = self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE
        return is_done and not self._protocol.trailing_data[0]

    async def read(self) -> bytes:
        """Return the whole body. Raises OSError."""
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises OSError.

        What came at once is one piece: each event of a watch is a chunk, and a turn for each would cost more than h11.
        """
        while True:
            with connection_errors():
                parts, is_over = self._at_hand()
                piece = self._inflate.decompress(parts) if self._inflate else parts
            if piece:
                yield piece
            if is_over:
                return
            if not self._error:
                async with asyncio.timeout(self._silence):
                    await self._receive()

    def _at_hand(self) -> tuple[bytes, bool]:
        """Return what is there of the body, and whether it is the end; what precedes an error counts before it."""
        if self._error:
            raise self._error
        parts: list[bytes | bytearray] = []
        event: object = None
        try:
            while isinstance(event := self._protocol.next_event(), h11.Data):
                parts.append(event.data)
        except h11.ProtocolError as error:
            if not parts:
                raise
            self._error = error
        return b"".join(parts), event is not h11.NEED_DATA and not self._error

    async def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        with connection_errors():
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                await self._receive()
            return event

    async def _receive(self) -> None:
        with connection_errors():
            octets = await self._reader.read(_AT_ONCE)
            if not octets and self._protocol.their_state is h11.SEND_RESPONSE:
                raise EOFError("the server closed the connection")
            self._protocol.receive_data(octets)


@contextmanager
def connection_errors() -> Iterator[None]:
    """Raise ConnectionError instead of what a broken answer raises."""
    try:
        yield
    except (EOFError, h11.ProtocolError, zlib.error) as error:
        raise ConnectionError(str(error)) from error
