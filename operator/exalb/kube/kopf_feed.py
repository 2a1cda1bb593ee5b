"""kopf, which follows the custom resources that people write, and feeds the controller's store with them.

kopf runs in a thread with an event loop of its own, under a supervisor: several answers of an API server end it, and
at its end it cancels every task of its loop. It writes nothing and posts nothing.

kopf reports each event, but not the objects that were deleted while no watch ran: it lists again and ignores what the
list lacks. So our HTTP session, which kopf uses, hands each whole list to the store. A list and an event may reach the
store in either order; the store compares resourceVersions. kopf does not notice that the server was restored from a
backup: when a reflector does, kopf is started again. So it is when it hangs, as it does when one of its watchers has
failed and another one waits for new credentials.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal, cast

import aiohttp
import kopf
import structlog

from exalb.api.schema import GROUP, VERSION
from exalb.kube.client import CLOSE_SECONDS, ApiError, Json, NotFoundError, Reader, RefusedError
from exalb.kube.credentials import Credentials
from exalb.kube.kopf_session import open_session
from exalb.kube.store import Store, version_number
from exalb.model.kinds import CONFIGURATION, Kind
from exalb.runtime.backoff import Backoff

log = structlog.get_logger(__name__)

STOP_SECONDS = 10.0
"""kopf is given this long to end."""
WATCH_SECONDS = 300
"""How long a watch of kopf lasts."""
SILENT_SECONDS = 2 * WATCH_SECONDS + 60.0
"""kopf asks about each kind more often than this, if it works and the API server answers."""


class _InfiniteBackoff:
    """Delays in seconds between attempts of one request; kopf ends when they run out, so they do not."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.2
        while True:
            yield delay
            delay = min(5.0, 2 * delay)


class KopfFeed:
    """Feeds a store of the running loop with the kinds of custom resources that people write."""

    def __init__(
        self, api: Reader, credentials: Credentials, store: Store, silent_seconds: float = SILENT_SECONDS
    ) -> None:
        self._api, self._credentials, self._store, self._silent_seconds = api, credentials, store, silent_seconds

    async def run(self) -> None:
        """Keep kopf running until cancelled."""
        backoff = Backoff(first=1.0, limit=30.0)
        while True:
            await self._until_served(backoff)
            if self._store.restored.is_set():
                self._store.restored.clear()
                for kind in CONFIGURATION:
                    self._store.forget_versions(kind)
            begun = asyncio.get_running_loop().time()
            await _Operator(self._credentials, self._store).run(self._silent_seconds)
            if asyncio.get_running_loop().time() - begun > 60:
                backoff.reset()
            await backoff.wait()
            log.warning("kopf_restarting")

    async def _until_served(self, backoff: Backoff) -> None:
        """Wait until the API server knows all kinds: kopf looks for them once, when it starts."""
        for kind in CONFIGURATION:
            while True:
                try:
                    async for _ in self._api.list(kind.collection(), {}):
                        break
                    break
                except NotFoundError as error:
                    log.warning("custom_resource_not_served", kind=kind.name, error=str(error))
                except RefusedError as error:
                    log.warning("watch_refused", kind=kind.name, error=str(error))
                except ApiError as error:
                    log.debug("watch_broken", kind=kind.name, error=str(error))
                await backoff.wait()


async def operate(registry: kopf.OperatorRegistry, stop: asyncio.Event) -> None:
    """Run kopf. Without an identity it asks a nameserver for this host's name first, and blocks until one answers."""
    await kopf.operator(
        registry=registry,
        settings=_settings(),
        standalone=True,
        clusterwide=True,
        identity=cast("Any", "exalb"),
        stop_flag=stop,
    )


class _Operator:
    """One life of kopf, in one thread."""

    def __init__(self, credentials: Credentials, store: Store) -> None:
        self._credentials, self._store = credentials, store
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._stop: Callable[[], object] = lambda: None
        self._stopping = threading.Event()

    async def run(self, silent_seconds: float) -> None:
        """Run until kopf ends or is silent, or its server was restored from a backup; when cancelled, end it."""
        threading.Thread(target=self._live, name="kopf", daemon=True).start()
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._ended, self._store.restored)]
        waiting.append(asyncio.ensure_future(self._await_silence(silent_seconds)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiter in waiting:
                waiter.cancel()
            self._stopping.set()
            self._stop()
            with contextlib.suppress(TimeoutError):  # a thread that does not end goes down with the process
                await asyncio.wait_for(self._ended.wait(), STOP_SECONDS)

    async def _await_silence(self, seconds: float) -> Literal[True]:
        """Return when no answer about a kind has come for so long: kopf hangs when one of its watchers has failed."""
        begun = time.monotonic()
        left = seconds
        while left > 0:
            await asyncio.sleep(left)
            left = max(begun + seconds - time.monotonic(), seconds - self._age())
        log.warning("kopf_silent", seconds=seconds)
        return True

    def _age(self) -> float:
        ages = self._store.ages.seconds()
        return max((ages[kind.name] for kind in CONFIGURATION if kind.name in ages), default=0.0)

    def _live(self) -> None:
        try:
            asyncio.run(self._operate())
        except Exception:  # whatever ended kopf, the supervisor starts it again
            log.exception("kopf_failed")
        finally:
            _call(self._loop, self._ended.set)

    async def _operate(self) -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: _call(loop, stop.set)
        if self._stopping.is_set():
            return
        try:
            await operate(self._registry(), stop)
        finally:
            await asyncio.sleep(CLOSE_SECONDS)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        for kind in CONFIGURATION:
            kopf.on.event(GROUP, VERSION, kind.plural, registry=registry, id=kind.plural)(self._follow(kind))
        return registry

    async def _login(self, **_: object) -> kopf.AiohttpSession:
        session = open_session(self._credentials, self._observe)
        return kopf.AiohttpSession(server=self._credentials.server, aiohttp_session=session)

    def _follow(self, kind: Kind) -> Callable[..., Any]:
        async def handle(event: Any, **_: object) -> None:  # noqa: ANN401 - kopf's own mapping
            raw: Json = event["object"]
            match event["type"]:
                case "ADDED" | "MODIFIED":
                    self._hand_over(self._store.put, kind, raw)
                case "DELETED":
                    self._hand_over(self._store.remove, kind, raw)

        return handle

    async def _observe(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await send(request)
        if request.method == "GET" and response.status == 200:
            for kind in CONFIGURATION:
                if request.url.path == kind.collection():
                    self._hand_over(self._store.ages.answered, kind)
                    if "watch" not in request.url.query:
                        self._hand_over(self._take_list, kind, json.loads(await response.read()))
        return response

    def _take_list(self, kind: Kind, answer: Json) -> None:
        # kopf watches only after it has listed, so no event arrived in between.
        listing = self._store.listing(kind)
        listing.add(answer["items"], version_number(answer["metadata"]["resourceVersion"]))
        listing.finish()

    def _hand_over(self, call: Callable[..., object], *arguments: object) -> None:
        if not self._stopping.is_set():  # a life that hung has nothing more to say
            _call(self._loop, call, *arguments)


def _call(loop: asyncio.AbstractEventLoop, call: Callable[..., object], *arguments: object) -> None:
    """Call something in another thread's loop, or not at all where that loop has ended."""
    try:
        loop.call_soon_threadsafe(call, *arguments)
    except RuntimeError:
        log.debug("loop_closed")


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = None  # a kopf that hangs would kill its process after ten minutes
    settings.scanning.disabled = True
    settings.networking.error_backoffs = _InfiniteBackoff()
    settings.networking.connect_timeout = 5.0
    settings.networking.request_timeout = 60.0
    settings.watching.server_timeout = WATCH_SECONDS
    settings.watching.client_timeout = WATCH_SECONDS + 10
    return settings
