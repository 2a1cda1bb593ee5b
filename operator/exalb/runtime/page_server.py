"""A few pages over HTTP/1.1, for probes and scrapes: GET and HEAD, nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import structlog

from exalb.runtime.bounded_server import BoundedServer

log = structlog.get_logger(__name__)

_LONGEST_HEAD = 1 << 14
"""Octets of a request; what is longer is refused."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    text: str
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "text/plain; charset=utf-8"


Pages = Mapping[str, Callable[[], Page]]
"""By path, which may have a query."""


@contextlib.asynccontextmanager
async def serve_pages(pages: Pages, listen: str) -> AsyncIterator[int]:
    """Answer on `listen` (`host:port`; no host is every address, port 0 any) for as long as the context lasts.

    Yields the port. Raises OSError where the address is not available.
    """
    host, _, port = listen.rpartition(":")
    bounded = BoundedServer(lambda: _Requests(pages))
    server = await asyncio.get_running_loop().create_server(bounded, host.strip("[]") or None, int(port))
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        bounded.close()
        await server.wait_closed()


class _Requests(asyncio.Protocol):
    """One connection: answers its requests one after the other."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._is_full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP servers of asyncio have no other
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._received += data
        self._answer_all()

    def pause_writing(self) -> None:
        """Read no further requests of a client that does not read the answers."""
        self._is_full = True
        if self._transport:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._is_full = False
        if self._transport:
            self._transport.resume_reading()
        self._answer_all()

    def _answer_all(self) -> None:
        while self._transport and not self._transport.is_closing() and not self._is_full:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if len(head) > _LONGEST_HEAD:
                self._write(Page("", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), keep=False)
            elif not end:
                return
            else:
                self._received = rest
                self._answer(head.decode("latin-1").split("\r\n"))

    def _answer(self, lines: list[str]) -> None:
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            self._write(Page("", HTTPStatus.BAD_REQUEST), keep=False)
            return
        method, target, version = words
        # The body of a request is not read, so that the connection cannot be used again.
        has_body = "transfer-encoding" in fields or fields.get("content-length", "0") != "0"
        keep = version == "HTTP/1.1" and fields.get("connection", "").lower() != "close" and not has_body
        page = (
            self._page(target.partition("?")[0])
            if method in {"GET", "HEAD"}
            else Page("", HTTPStatus.METHOD_NOT_ALLOWED)
        )
        self._write(page, keep=keep, with_body=method != "HEAD")

    def _page(self, path: str) -> Page:
        try:
            make = self._pages.get(path)
            return make() if make else Page("", HTTPStatus.NOT_FOUND)
        except Exception:  # one page that fails must not end the others
            log.exception("page_failed", path=path)
            return Page("", HTTPStatus.INTERNAL_SERVER_ERROR)

    def _write(self, page: Page, *, keep: bool, with_body: bool = True) -> None:
        body = page.text.encode()
        lines = [
            f"HTTP/1.1 {page.status.value} {page.status.phrase}",
            f"Content-Type: {page.content_type}",
            f"Content-Length: {len(body)}",
            *(["Allow: GET, HEAD"] if page.status is HTTPStatus.METHOD_NOT_ALLOWED else []),
            *([] if keep else ["Connection: close"]),
        ]
        head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii")
        if self._transport:
            self._transport.write(head + body if with_body else head)
            if not keep:
                self._transport.close()
