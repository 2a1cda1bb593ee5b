"""Serves the page on 127.0.0.1 alone: files, the overview as server-sent events, and answers about one object."""

import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from importlib.resources import files
from typing import Protocol, TypeVar

from aiohttp import web

from exalb.explain.answer_json import answer_json
from exalb.explain.observed import Observed
from exalb.explain.subject import explain, parse_subject
from exalb.web.overviews import NotListedError

HOST = "127.0.0.1"
_HOSTS = {"localhost", HOST}
"""The names by which a browser of this machine reaches the page: another one is a site that rebound its name (DNS)."""
_STATIC = {
    "": ("index.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Answer = TypeVar("Answer")


class Watched(Protocol):
    """A cluster that is kept up to date."""

    def overviews(self) -> AsyncGenerator[str, None]:
        """Yield the overview as JSON: now, and after changes; an empty text where it is the same. Or NotListedError."""

    async def ask(self, question: Callable[[Observed], Answer]) -> Answer:
        """Return the answer to a question about the cluster as it is now. Raises NotListedError."""


class Server:
    """The page about one cluster, below `path`: by default a secret, so that no other user of this machine reads it."""

    def __init__(self, cluster: Watched, *, path: str | None = None) -> None:
        self._cluster = cluster
        self.path = path or f"/{secrets.token_urlsafe(16)}/"
        pages = files("exalb.web") / "static"
        self._files = {name: ((pages / file).read_bytes(), kind) for name, (file, kind) in _STATIC.items()}

    @contextlib.asynccontextmanager
    async def listen(self, port: int) -> AsyncIterator[str]:
        """Answer on a port of 127.0.0.1, 0 for any, as long as the context lasts; yield the URL. Raises OSError."""
        application = web.Application(middlewares=[_guard])
        for name in self._files:
            application.router.add_get(self.path + name, self._file)
        application.router.add_get(self.path + "events", self._events)
        application.router.add_get(self.path + "explain", self._explain)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        site = web.TCPSite(runner, HOST, port)
        try:
            await site.start()
            yield f"http://{HOST}:{runner.addresses[0][1]}{self.path}"
        finally:
            await runner.cleanup()

    async def _file(self, request: web.Request) -> web.Response:
        body, kind = self._files[request.path.removeprefix(self.path)]
        return web.Response(body=body, content_type=kind, charset="utf-8")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Send an overview after each change (server-sent events, HTML §9.2)."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **_HEADERS})
        await response.prepare(request)
        async with contextlib.aclosing(self._cluster.overviews()) as overviews:
            with contextlib.suppress(ConnectionError):
                try:
                    async for text in overviews:
                        await response.write(f"data: {text}\n\n".encode() if text else b": the same\n\n")
                except NotListedError as error:  # a browser comes back after the end of a stream, and not after a 503
                    await response.write(f"event: missing\ndata: {error}\n\n".encode())
        return response

    async def _explain(self, request: web.Request) -> web.Response:
        """Answer why one object has no traffic, as `kubectl exalb explain` does."""
        subject = request.query.get("subject", "")
        try:
            parse_subject(subject, "default")
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        try:
            found = await self._cluster.ask(lambda observed: explain(observed, subject, "default"))
        except NotListedError as error:
            return web.json_response({"error": str(error)}, status=503)
        return web.json_response(answer_json(found))


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse names of other sites, and let the page run and load nothing but its own."""
    if request.host.rpartition(":")[0] not in _HOSTS:
        raise web.HTTPForbidden(text=f"This page is served to http://{HOST} alone.\n")
    response = await handler(request)
    if not response.prepared:
        response.headers.update(_HEADERS)
    return response
