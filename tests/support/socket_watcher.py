"""A thread that reads what comes to a socket."""

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

LOOK = 0.25
"""Seconds between checks whether the thread must end."""


class SocketWatcher(ABC):
    """Reads a socket while its `with` block lasts; what was read stays there."""

    def __init__(self, opened: socket.socket, name: str) -> None:
        """Take over an open socket; `name` is that of the thread."""
        opened.settimeout(LOOK)
        self._socket, self._end = opened, threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    def __enter__(self) -> Self:
        """Start to watch; what comes later is seen."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._end.set()
        self._thread.join()
        self._socket.close()

    @abstractmethod
    def read(self) -> None:
        """Read from the socket once, and take what came. TimeoutError means that nothing did."""

    def _watch(self) -> None:
        while not self._end.is_set():
            with contextlib.suppress(TimeoutError):
                self.read()
