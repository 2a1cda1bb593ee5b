"""Somebody who looks at the web page: its port, the path, and where it is asked from."""

import http.client
import json
import socket
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tests.lab.network import Namespace


@dataclass(frozen=True)
class Page:
    """A page on 127.0.0.1: of this machine, or of a namespace."""

    port: int
    path: str = "/"
    namespace: Namespace | None = None

    def ask(self, name: str = "", *, host: str = "127.0.0.1", verb: str = "GET") -> tuple[int, str]:
        """Return status and text of one request."""
        with closing(self._connection()) as connection:
            connection.request(verb, self.path + name, headers={"Host": f"{host}:{self.port}"})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def answer(self, subject: str) -> dict[str, Any]:
        """Return what the page explains about an object."""
        status, text = self.ask(f"explain?subject={subject}")
        assert status == 200, text
        return dict(json.loads(text))

    def overviews(self) -> Generator[dict[str, Any], None, None]:
        """Yield the overviews that the server sends."""
        with closing(self._connection()) as connection:
            connection.request("GET", f"{self.path}events")
            response = connection.getresponse()
            assert response.headers["Content-Type"].startswith("text/event-stream")
            while line := response.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    def _connection(self) -> http.client.HTTPConnection:
        made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        if self.namespace:
            made.sock = self.namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
            made.sock.settimeout(30)
            made.sock.connect(("127.0.0.1", self.port))
        return made
