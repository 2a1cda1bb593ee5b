"""The socket at which a driver waits for its relay: a file, which others may remove."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Door:
    """Listens on a unix socket that is its user's alone."""

    def __init__(self, path: Path, serve: Serve) -> None:
        self._path, self._serve = path, serve
        self._server: asyncio.Server | None = None

    @property
    def missing(self) -> bool:
        """Whether the file is gone, so that nobody finds here any more."""
        return not self._path.exists()

    async def open(self) -> None:
        """Listen, in place of whoever listened here before; connections that are there stay. Raises OSError."""
        self.close()
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        finally:
            os.umask(before)

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
