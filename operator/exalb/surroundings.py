"""Watches the speaker's own node: its default routers, and whether kube-proxy is healthy; and rings the bell.

The kernel says when a route changes (rtnetlink(7)); what the routes are is then read anew, so that nothing is missed
when it says too much at once. kube-proxy says nothing of its own accord, and is asked once a second.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import aiohttp
import structlog

from exalb.dataplane import SECONDS, Answer, Gate, begin, fold
from exalb.gateways import default_gateways, link_locals
from exalb.host import DataPlane, Host

log = structlog.get_logger(__name__)

CALM_SECONDS = 1.0
"""Changes of routes within this time are one: a default route that is replaced is gone for a moment."""
PROC = Path("/proc/net")
_ROUTES = 0x40 | 0x400 | 0x100
"""Groups of rtnetlink: IPv4 routes, IPv6 routes, IPv6 addresses (linux/rtnetlink.h)."""
OFF = "off"


class Surroundings:
    """Tells `tell` what the node looks like, first and after each change; `url` is kube-proxy's health or `off`."""

    def __init__(self, url: str, tell: Callable[[Host], None]) -> None:
        self._url, self._tell = url, tell
        self._host = Host(gateways={}, link_locals={}, why="switched off" if url == OFF else "not asked yet")
        self.known = asyncio.Event()
        """Set once it can be said whether the node forwards traffic: before that nothing is to be decided."""

    async def run(self, before: DataPlane | None) -> None:
        """Watch until cancelled; `before` is what the last speaker of this node said of its data plane."""
        self._note(self._routed())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_routes())
            if self._url == OFF:
                self.known.set()
            else:
                tasks.create_task(self._follow_data_plane(before))

    async def _follow_routes(self) -> None:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        try:
            netlink = _listen()
        except OSError as error:
            log.warning("changes of the node's routes are not seen until the speaker starts anew", why=str(error))
            return
        with netlink:
            while True:
                _drain(netlink)
                changed.clear()
                self._note(self._routed())
                loop.add_reader(netlink, changed.set)
                try:
                    await changed.wait()
                finally:
                    loop.remove_reader(netlink)
                await asyncio.sleep(CALM_SECONDS)

    async def _follow_data_plane(self, before: DataPlane | None) -> None:
        gate = begin(before)
        loop, timeout = asyncio.get_running_loop(), aiohttp.ClientTimeout(total=0.9 * SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                asked = loop.time()
                answer, said = await _ask(session, self._url)
                gate = fold(gate, answer)
                if gate.state is not None and (gate.state is not self._host.data_plane or not self.known.is_set()):
                    self._note(replace(self._host, data_plane=gate.state, why=_why(gate, self._url, said)))
                    self.known.set()
                await asyncio.sleep(max(0.0, asked + SECONDS - loop.time()))

    def _routed(self) -> Host:
        routes = _routing()
        return replace(self._host, gateways=default_gateways(*routes), link_locals=link_locals(routes[-1]))

    def _note(self, host: Host) -> None:
        # Every pod has an interface, whose address is nobody's news.
        if replace(host, link_locals=None) != replace(self._host, link_locals=None):
            log.info("seen of the node", data_plane=host.data_plane.value, why=host.why, gateways=_named(host))
        self._host = host
        self._tell(host)


def _listen() -> socket.socket:
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
    try:
        netlink.bind((0, _ROUTES))
    except OSError:
        netlink.close()
        raise
    return netlink


def _drain(netlink: socket.socket) -> None:
    """Throw away what the kernel said; that it lost some of it is no matter."""
    while True:
        try:
            netlink.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise


def _routing() -> tuple[str, str, str]:
    """Return the routes and addresses of this network namespace; those of IPv6 are empty where it is switched off."""
    texts = (PROC / name for name in ("route", "ipv6_route", "if_inet6"))
    four, six, addresses = (path.read_text() if path.exists() else "" for path in texts)
    return four, six, addresses


async def _ask(session: aiohttp.ClientSession, url: str) -> tuple[Answer, str]:
    """Ask once; return what it means, and the answer in words."""
    try:
        async with session.get(url, allow_redirects=False) as response:
            healthy = response.status == 200
            return Answer.HEALTHY if healthy else Answer.UNHEALTHY, f"it answers {response.status} {response.reason}"
    except TimeoutError:
        return Answer.SILENT, f"no answer within {0.9 * SECONDS:g} s"
    except (aiohttp.ClientError, OSError) as error:
        return Answer.SILENT, f"no answer: {error}"


def _why(gate: Gate, url: str, said: str) -> str:
    match gate.state:
        case DataPlane.UP:
            return f"{url} says that kube-proxy is healthy"
        case DataPlane.UNWATCHED:
            return f"nothing answers at {url}"
        case DataPlane.DOWN:
            return f"{url} said once that kube-proxy is healthy, and does not any more: {said}"
        case _:
            return f"{url} never said yet that kube-proxy is healthy: {said}"


def _named(host: Host) -> list[str]:
    return [str(gateway.address) for gateway in (host.gateways or {}).values()]
