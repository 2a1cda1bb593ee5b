"""The unix socket on which a driver waits for its relay; its file may be removed by others."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from exalb_process.unix_socket import bound

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class UnixListener:
    """Listens on a unix socket that only its user may open."""

    def __init__(self, path: Path, serve: Serve) -> None:
        self._path, self._serve = path, serve
        self._server: asyncio.Server | None = None

    @property
    def missing(self) -> bool:
        """Whether the file was removed, so that no relay can connect."""
        return not self._path.exists()

    async def open(self) -> None:
        """Listen, and replace an earlier listener; open connections stay. Raises OSError."""
        self.close()
        self._server = await asyncio.start_unix_server(self._serve, sock=bound(self._path, 0o600))

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
