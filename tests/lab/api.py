"""A small client of the lab's API server for tests: plain JSON over a connection that begins in the lab's namespace.

kubectl costs a tenth of a second of CPU for each call; what is polled is read through this.
"""

import base64
import contextlib
import http.client
import json
import socket
import ssl
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

from tests.lab.layout import Layout
from tests.lab.network import Namespace

Json = dict[str, Any]
TIMEOUT = 30.0
"""Seconds that a request may take."""
KEPT = 20.0
"""Seconds for which a connection without requests is kept; later the server may have closed it."""


class ApiError(RuntimeError):
    """The API server said no; `status` is the HTTP status, `reason` and the text are the server's."""

    def __init__(self, status: int, answer: Json) -> None:
        super().__init__(f"{status} {answer.get('message') or answer}")
        self.status = status
        self.reason = str(answer.get("reason", ""))


class _Connection(http.client.HTTPSConnection):
    """HTTPS whose socket is made in a namespace."""

    def __init__(self, namespace: Namespace, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, port, context=context, timeout=TIMEOUT)
        self._namespace, self._tls = namespace, context

    def connect(self) -> None:
        """Open the connection."""
        with contextlib.ExitStack() as unless_connected:
            raw = unless_connected.enter_context(self._namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM))
            raw.settimeout(TIMEOUT)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a body follows its head without a pause
            raw.connect((self.host, self.port))
            self.sock = self._tls.wrap_socket(raw, server_hostname=self.host)
            unless_connected.pop_all()


class Client:
    """Requests as the administrator, on one connection that is kept; not for several threads at once."""

    def __init__(self, namespace: Namespace, kubeconfig: Path) -> None:
        """Read the server and the certificates from a kubeconfig file."""
        data = yaml.safe_load(kubeconfig.read_text())
        cluster, user = data["clusters"][0]["cluster"], data["users"][0]["user"]
        url = urlsplit(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile(dir=kubeconfig.parent) as pem:
            for field in ("client-certificate-data", "client-key-data"):
                pem.write(base64.b64decode(user[field]))
            pem.flush()
            context.load_cert_chain(pem.name)
        self._used = 0.0
        self._connection = _Connection(namespace, url.hostname or "", url.port or 443, context)

    @classmethod
    def of(cls, layout: Layout) -> "Client":
        """Return the administrator of a lab."""
        return cls(layout.namespace("cp"), layout.kubeconfig)

    def request(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        kind: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Json:
        """Send a request and return the answer's JSON; ApiError when the server refuses, OSError when it is away."""
        target = f"{path}?{urlencode(query)}" if query else path
        payload = None if body is None else json.dumps(body)
        headers: Mapping[str, str] = {"Content-Type": kind, "Accept": "application/json"}
        status, answer = self._send(method, target, payload, headers)
        data: Json = json.loads(answer) if answer.startswith(b"{") else {"message": answer.decode(errors="replace")}
        if status >= 400:
            raise ApiError(status, data)
        return data

    def get(self, path: str, **query: str) -> Json:
        """Read an object or a list."""
        return self.request("GET", path, query=query)

    def find(self, path: str) -> Json | None:
        """Read an object; None when there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def items(self, path: str, **query: str) -> list[Json]:
        """Read the items of a list."""
        found: list[Json] = self.get(path, **query)["items"]
        return found

    def is_ready(self) -> bool:
        """Return whether the server answers that it is ready."""
        with contextlib.suppress(OSError, http.client.HTTPException, ApiError):
            return bool(self.get("/readyz")["message"] == "ok")
        return False

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def _send(self, method: str, target: str, payload: str | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if time.monotonic() - self._used > KEPT:
            self._connection.close()
        self._used = time.monotonic()
        fresh = self._connection.sock is None
        try:
            self._connection.request(method, target, payload, dict(headers))
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            if fresh or method != "GET":
                raise
        return self._send(method, target, payload, headers)  # the server closed the kept connection
