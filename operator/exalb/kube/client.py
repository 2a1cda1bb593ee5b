"""A client of the Kubernetes API server: lists, watches and writes of plain JSON. The only one that writes."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Protocol, Self, TypeAlias

from exalb.kube.availability import Availability
from exalb.kube.credentials import Credentials
from exalb.runtime.http_answer import Answer
from exalb.runtime.http_client import CannotConnectError, HttpClient
from exalb.runtime.version import VERSION

Json: TypeAlias = dict[str, Any]

PAGE = 500
"""Objects in one answer to a list."""
SERVER_SECONDS = 4.0
"""The server gives up a write this long after it received it."""
ANSWER_SECONDS = 5.0
"""We give up a write this long after we began it, and send nothing of it later."""
SETTLED_SECONDS = ANSWER_SECONDS + SERVER_SECONDS
"""This long after we began a write, its outcome is known, or can be read again."""
READ_SECONDS = 60.0
"""We give up reading this long after we began it."""
CLOSE_SECONDS = 0.1
"""Connections that were broken off take a few turns of the loop to close."""
IDLE_SECONDS = 90.0
"""A watch that says nothing for this long is dead: the server sends a bookmark every minute."""
REFUSED = 300
"""A status from here on is no answer; the API server redirects nobody."""
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class ApiError(Exception):
    """The API server did not do what it was asked; the text says what and why."""


class RefusedError(ApiError):
    """The API server said no, and will again (4xx)."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFoundError(RefusedError):
    """There is no such object, or no such kind (404)."""


class ConflictError(RefusedError):
    """The object changed since it was read, or is there already (409)."""


class GoneError(ApiError):
    """The history before the given resourceVersion is no longer kept (410): list again."""


class UnavailableError(ApiError):
    """The API server is away, too busy, or broken; `not_sent` when the request surely did nothing."""

    def __init__(self, message: str, *, not_sent: bool = False) -> None:
        super().__init__(message)
        self.not_sent = not_sent


class AmbiguousError(UnavailableError):
    """A write was sent, and its outcome is unknown: read it again after `outcome_known_at` (loop time, seconds)."""

    def __init__(self, message: str, outcome_known_at: float) -> None:
        super().__init__(message)
        self.outcome_known_at = outcome_known_at


class Page(NamedTuple):
    """A part of a list; all pages of one list show one moment."""

    items: list[Json]
    resource_version: str


class WatchEvent(NamedTuple):
    """One change of a watch: ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Json


class Reader(Protocol):
    """An API server to read from. Feeds of the store take it, so that they cannot write."""

    def list(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Page]:
        """Yield all objects as they are now, in pages."""

    def watch(self, path: str, query: Mapping[str, str], since: str, seconds: int) -> AsyncIterator[WatchEvent]:
        """Yield the changes after the resourceVersion `since`, for about `seconds`."""

    async def get(self, path: str) -> Json:
        """Read one object."""


class EventClient(Protocol):
    """An API server to post events on."""

    async def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """Create an object; return it as it now is."""

    async def patch(self, path: str, body: Mapping[str, Any], media_type: str) -> Json:
        """Change an object; return it as it now is."""


class StatusClient(EventClient, Protocol):
    """An API server to write statuses to: what the writer and the leader election need."""

    async def get(self, path: str) -> Json:
        """Read one object."""


class ApiClient:
    """One API server. Every method raises ApiError or one of its kinds; use it as an async context."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._availability = Availability()
        fields = {"User-Agent": f"exalb/{VERSION}", "Accept": "application/json"}
        self._http = HttpClient(credentials.server, credentials.tls, fields)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        await asyncio.sleep(CLOSE_SECONDS)

    async def list(self, path: str, query: Mapping[str, str]) -> AsyncIterator[Page]:
        """Yield all objects as they are now, in pages."""
        more: Mapping[str, str] = {}
        while True:
            answer = await self._send("GET", path, {**query, "limit": str(PAGE), **more})
            metadata = answer["metadata"]
            yield Page(answer["items"] or [], metadata["resourceVersion"])
            if not metadata.get("continue"):
                return
            more = {"continue": metadata["continue"]}

    async def watch(self, path: str, query: Mapping[str, str], since: str, seconds: int) -> AsyncIterator[WatchEvent]:
        """Yield what happens after the resourceVersion `since`, for about `seconds`; then the iterator ends."""
        more = {"watch": "true", "allowWatchBookmarks": "true"}
        more |= {"resourceVersion": since, "timeoutSeconds": str(seconds)}
        rest = b""
        try:
            async with self._open("GET", path, {**query, **more}, silence=IDLE_SECONDS) as answer:
                self._availability.answered()
                if answer.status >= REFUSED:
                    _refuse(f"watch {path}", answer, await answer.read())
                async for piece in answer.pieces():
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        yield _event(path, line)
        except OSError as error:
            # A watch that breaks off is routine; the next request shows whether the server is there.
            if isinstance(error, CannotConnectError):
                self._availability.failed(_sentence(error))
            raise UnavailableError(f"watch {path}: {_sentence(error)}") from error

    async def get(self, path: str) -> Json:
        """Read one object."""
        return await self._send("GET", path, {})

    async def text(self, path: str, query: Mapping[str, str]) -> str:
        """Read something that is not JSON, such as a log."""
        return (await self._request("GET", path, query)).decode(errors="replace")

    async def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """Create an object; return it as it now is."""
        return await self._write("POST", path, body, "application/json")

    async def patch(self, path: str, body: Mapping[str, Any], media_type: str) -> Json:
        """Change an object; return it as it now is."""
        return await self._write("PATCH", path, body, media_type)

    async def _write(self, method: str, path: str, body: Mapping[str, Any], media_type: str) -> Json:
        try:
            return await self._send(method, path, {"timeout": f"{SERVER_SECONDS:g}s"}, body, media_type)
        except UnavailableError as error:
            if error.not_sent:
                raise
            outcome_known_at = asyncio.get_running_loop().time() + SERVER_SECONDS
            raise AmbiguousError(str(error), outcome_known_at) from error

    async def _send(self, method: str, path: str, query: Mapping[str, str], *body: Any) -> Json:  # noqa: ANN401
        answer: Json = json.loads(await self._request(method, path, query, *body))
        return answer

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        media_type: str | None = None,
    ) -> bytes:
        what = f"{method} {path}"
        data = json.dumps(body).encode() if body is not None else None
        fields = {"Content-Type": media_type} if media_type else {}
        try:
            async with asyncio.timeout(ANSWER_SECONDS if body else READ_SECONDS):
                async with self._open(method, path, query, data, fields) as answer:
                    content = await answer.read()
        except OSError as error:
            self._availability.failed(_sentence(error))
            not_sent = isinstance(error, CannotConnectError)
            raise UnavailableError(f"{what}: {_sentence(error)}", not_sent=not_sent) from error
        if answer.status >= 500:
            self._availability.failed(f"{answer.status} {answer.reason}")
        else:
            self._availability.answered()
        if answer.status >= REFUSED:
            _refuse(what, answer, content)
        return content

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes | None = None,
        fields: Mapping[str, str] | None = None,
        *,
        silence: float | None = None,
    ) -> AbstractAsyncContextManager[Answer]:
        """Send a request with our identity. Raises OSError, also for a token that kubelet does not mount yet."""
        try:
            identity = self._credentials.authorization()
        except OSError as error:
            raise CannotConnectError(f"cannot read the credentials: {error}") from error
        own = {"Authorization": identity} if identity else {}
        return self._http.request(method, path, query, body, {**own, **(fields or {})}, silence=silence)


def _event(path: str, line: bytes) -> WatchEvent:
    try:
        raw = json.loads(line)
    except ValueError as error:
        raise UnavailableError(f"watch {path}: the server sent half a line") from error
    if raw["type"] != "ERROR":
        return WatchEvent(raw["type"], raw["object"])
    status = raw["object"]
    message = f"watch {path}: {status.get('message') or status}"
    if status.get("code") == 410:
        raise GoneError(message)
    raise UnavailableError(message)


def _refuse(what: str, answer: Answer, content: bytes) -> NoReturn:
    try:
        status = json.loads(content)
    except ValueError:
        status = {}
    message = f"{what}: {answer.status} {status.get('message') or content[:200].decode(errors='replace')}"
    reason = status.get("reason") or ""
    match answer.status:
        case 404:
            raise NotFoundError(message, 404, reason)
        case 409:
            raise ConflictError(message, 409, reason)
        case 410:
            raise GoneError(message)
        case code if code == 429 or code >= 500:
            raise UnavailableError(message, not_sent=code == 429)
        case code:
            raise RefusedError(message, code, reason)


def _sentence(error: BaseException) -> str:
    return str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
