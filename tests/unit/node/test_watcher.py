"""What is seen of kube-proxy, before a real HTTP server that is healthy, unhealthy or gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from exalb.model.local_node import DataPlane, LocalNode
from exalb.node.watcher import LocalNodeWatcher
from exalb.programs.settings import SpeakerSettings

SECONDS = 60.0
AT_ONCE = 8.0
"""Less than the ten seconds for which a speaker waits where nothing answers; a busy machine may take a few of them."""
ANYWHERE = "http://127.0.0.1:1/healthz"
"""Nobody listens on port 1."""


class KubeProxy:
    """A health endpoint that says what it is told to say."""

    def __init__(self) -> None:
        self.status = 200
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://localhost:{self.port}/healthz"

    async def start(self) -> None:
        """Listen, the first time on any port, and then on the same."""
        application = web.Application()
        application.router.add_get("/healthz", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Be gone."""
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


class Watch:
    """What was seen, as it comes."""

    def __init__(self) -> None:
        self.host: LocalNode | None = None
        self.first: LocalNode | None = None
        self.changed = asyncio.Event()

    def tell(self, host: LocalNode) -> None:
        """Take news."""
        self.host = host
        self.first = self.first or host
        self.changed.set()

    async def until(self, state: DataPlane) -> LocalNode:
        """Return what is seen once it is this."""
        async with asyncio.timeout(SECONDS):
            while self.host is None or self.host.data_plane is not state:
                self.changed.clear()
                await self.changed.wait()
        return self.host


@contextlib.asynccontextmanager
async def watching(url: str, before: DataPlane | None = None) -> AsyncIterator[tuple[Watch, LocalNodeWatcher]]:
    """Watch this machine's own routes, and kube-proxy at `url`."""
    watch = Watch()
    surroundings = LocalNodeWatcher(url, watch.tell)
    task = asyncio.create_task(surroundings.run(before))
    try:
        yield watch, surroundings
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def kube_proxy() -> AsyncIterator[KubeProxy]:
    """Return one that is healthy."""
    proxy = KubeProxy()
    await proxy.start()
    yield proxy
    await proxy.stop()


async def test_healthy_and_not_and_again(kube_proxy: KubeProxy) -> None:
    async with watching(kube_proxy.url) as (watch, surroundings):
        async with asyncio.timeout(AT_ONCE):
            await surroundings.known.wait()
        assert watch.host
        assert watch.host.data_plane is DataPlane.UP
        assert watch.host.why == f"{kube_proxy.url} says that kube-proxy is healthy"
        assert watch.first
        assert (watch.first.data_plane, watch.first.why) == (DataPlane.NOT_MONITORED, "not probed yet")
        kube_proxy.status = 503
        down = await watch.until(DataPlane.DOWN)
        assert down.why.endswith("no longer says that kube-proxy is healthy: it answers 503 Service Unavailable")
        kube_proxy.status = 200
        await watch.until(DataPlane.UP)


async def test_gone_and_back(kube_proxy: KubeProxy) -> None:
    async with watching(kube_proxy.url, DataPlane.UP) as (watch, _):
        await watch.until(DataPlane.UP)
        await kube_proxy.stop()
        down = await watch.until(DataPlane.DOWN)
        assert "no longer says that kube-proxy is healthy: no answer: " in down.why
        await kube_proxy.start()
        await watch.until(DataPlane.UP)


async def test_answers_and_is_not_healthy_yet(kube_proxy: KubeProxy) -> None:
    kube_proxy.status = 302
    async with watching(kube_proxy.url) as (watch, _):
        starting = await watch.until(DataPlane.STARTING)
        assert starting.why.endswith("has not yet said that kube-proxy is healthy: it answers 302 Found")
        kube_proxy.status = 200
        await watch.until(DataPlane.UP)


async def test_where_nothing_answered_nobody_waits() -> None:
    async with watching(ANYWHERE, DataPlane.NOT_MONITORED) as (watch, surroundings):
        async with asyncio.timeout(AT_ONCE):
            await surroundings.known.wait()
        assert watch.host
        assert watch.host.why == f"nothing answers at {ANYWHERE}"


async def test_where_kube_proxy_was_nothing_is_decided_before_it_is_seen_or_given_up() -> None:
    async with watching(ANYWHERE, DataPlane.UP) as (watch, surroundings):
        async with asyncio.timeout(SECONDS):
            await surroundings.known.wait()
        assert watch.host
        assert watch.host.data_plane is DataPlane.DOWN


async def test_switched_off() -> None:
    async with watching("off") as (watch, surroundings):
        async with asyncio.timeout(AT_ONCE):
            await surroundings.known.wait()
        assert watch.host
        assert (watch.host.data_plane, watch.host.why) == (DataPlane.NOT_MONITORED, "switched off")
        assert watch.host.gateways is not None
        assert watch.host.link_locals is not None


@pytest.mark.parametrize("wrong", ["on", "", "localhost:10256", "ftp://localhost", "http://", "http://a b/"])
def test_what_is_neither_off_nor_a_url_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="neither off nor a URL"):
        SpeakerSettings(node_name="n1", data_plane=wrong)
