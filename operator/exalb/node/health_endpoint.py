"""Asks one URL again and again: HTTP/1.1 over one connection that is kept, and a new one where that was closed.

A node asks once a second as long as it is up, so this does only what is needed: it reads the status and drops the body.
"""

import asyncio
from urllib.parse import urlsplit

_LONGEST_BODY = 1 << 16
"""Octets; after a longer body, or one of unknown length, the connection is not kept."""


class HealthEndpoint:
    """One URL, `http` or `https`. One question at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._tls else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc.rpartition('@')[2]}", "User-Agent: exalb", "Accept: */*"]
        self._question = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii", errors="replace")
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> tuple[int, str]:
        """Return the status and its reason. Raises OSError where there is no answer that HTTP knows."""
        kept = self._connection is not None
        try:
            try:
                return await self._ask()
            except (EOFError, ConnectionError):
                if not kept:
                    raise
            self.close()
            return await self._ask()
        except (EOFError, ValueError, asyncio.LimitOverrunError) as error:
            self.close()
            raise ConnectionError(str(error) or "the connection was closed") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._connection:
            self._connection[1].close()
        self._connection = None

    async def _ask(self) -> tuple[int, str]:
        if self._connection is None:
            self._connection = await asyncio.open_connection(self._host, self._port, ssl=self._tls or None)
        reader, writer = self._connection
        writer.write(self._question)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, _, rest = head[0].partition(" ")
        status, _, reason = rest.partition(" ")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        if not version.startswith("HTTP/1.") or not status.isdecimal():
            raise ValueError(f"the answer is not HTTP/1: {head[0][:50]!r}")
        length = int(fields.get("content-length", -1))
        if version == "HTTP/1.1" and fields.get("connection", "").lower() != "close" and 0 <= length <= _LONGEST_BODY:
            await reader.readexactly(length)
        else:
            self.close()
        return int(status), reason
