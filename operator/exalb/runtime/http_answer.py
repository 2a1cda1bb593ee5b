"""One answer of an HTTP/1.1 server (RFC 9112): its head, and its body as it comes."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

_AT_ONCE = 1 << 16
"""Octets of a body that are handed on at once, at most."""
_GZIP = 31
"""The window of zlib for the format of gzip."""


class Answer:
    """An answer whose head has come. `silence` is for how many seconds the server may say nothing."""

    def __init__(self, reader: asyncio.StreamReader, silence: float | None) -> None:
        self._reader, self._silence = reader, silence
        self.status, self.reason = 0, ""
        self.length: int | None = None
        """Octets of the body, or of its current chunk, that are still to come; None while that is unknown."""
        self._is_chunked = self._keeps = self._is_read = False
        self._inflate: zlib._Decompress | None = None

    async def begin(self) -> None:
        """Read the head. Raises OSError."""
        async with asyncio.timeout(self._silence):
            with connection_errors():
                while self.status < 200:  # informational answers precede the final one
                    self._parse((await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n"))

    def _parse(self, lines: list[str]) -> None:
        version, _, rest = lines[0].partition(" ")
        status, _, self.reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not status.isdecimal():
            raise ValueError(f"the answer is not HTTP/1: {lines[0][:50]!r}")
        self.status = int(status)
        fields = {
            name.strip().lower(): value.strip().lower() for name, _, value in (x.partition(":") for x in lines[1:])
        }
        self._is_chunked = fields.get("transfer-encoding", "").endswith("chunked")
        self._keeps = version == "HTTP/1.1" and fields.get("connection") != "close"
        if self.status in {204, 304}:
            self.length = 0
        elif "content-length" in fields and not self._is_chunked:
            self.length = _size(fields["content-length"], 10)
        self._is_read = self.length == 0
        if fields.get("content-encoding") == "gzip":
            self._inflate = zlib.decompressobj(_GZIP)

    @property
    def leaves_connection(self) -> bool:
        """Whether the connection can have another request: the whole body was read, and the server keeps it open."""
        return self._is_read and self._keeps

    async def read(self) -> bytes:
        """Return the whole body. Raises OSError."""
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises OSError."""
        while not self._is_read:
            async with asyncio.timeout(self._silence):
                with connection_errors():
                    piece = await self._piece()
                    if self._inflate:
                        piece = self._inflate.decompress(piece)
            if piece:
                yield piece

    async def _piece(self) -> bytes:
        if self._is_chunked and not self.length:
            self.length = _size((await self._reader.readuntil(b"\r\n")).decode("latin-1").partition(";")[0].strip(), 16)
            if not self.length:
                while await self._reader.readuntil(b"\r\n") != b"\r\n":  # trailer fields
                    pass
                self._is_read = True
                return b""
        piece = await self._reader.read(_AT_ONCE if self.length is None else min(self.length, _AT_ONCE))
        if self.length is None:
            self._is_read = not piece  # the body ends with the connection
            return piece
        if not piece:
            raise EOFError("the server closed the connection in the middle of its answer")
        self.length -= len(piece)
        if not self.length and self._is_chunked:
            await self._reader.readexactly(2)
        elif not self.length:
            self._is_read = True
        return piece


def _size(digits: str, base: int) -> int:
    if not digits.isalnum():
        raise ValueError(f"the answer has a body of {digits[:20]!r} octets")
    return int(digits, base)


@contextmanager
def connection_errors() -> Iterator[None]:
    """Raise ConnectionError instead of what a broken answer raises."""
    try:
        yield
    except (EOFError, ValueError, asyncio.LimitOverrunError, zlib.error) as error:
        words = "the server closed the connection" if isinstance(error, asyncio.IncompleteReadError) else str(error)
        raise ConnectionError(words) from error
