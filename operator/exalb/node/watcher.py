"""Watches the speaker's own node, its default routers and the health of kube-proxy, and reports each change.

The kernel reports that routes changed (rtnetlink(7)); the watcher then reads all routes again, so a lost message does
no harm. kube-proxy reports nothing by itself, so the watcher probes it.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from exalb.model.local_node import DataPlane, LocalNode
from exalb.node.health_endpoint import HealthEndpoint
from exalb.node.kube_proxy_health import SECONDS, HealthState, ProbeResult, begin, fold, pause
from exalb.node.routes import CHANGES, dump_routes
from exalb.node.routing_table import default_gateways, link_locals
from exalb_process.netlink import drain, listen

log = structlog.get_logger(__name__)

CALM_SECONDS = 1.0
"""Changes of routes within this time count as one: a default route that is replaced is absent for a moment."""
PROC = Path("/proc/net")
OFF = "off"


class LocalNodeWatcher:
    """Calls `report` with the state of the node, first and after each change; `url` is kube-proxy's health or `off`."""

    def __init__(self, url: str, report: Callable[[LocalNode], None]) -> None:
        self._url, self._report = url, report
        self._host = LocalNode(gateways={}, link_locals={}, why="switched off" if url == OFF else "not probed yet")
        self.known = asyncio.Event()
        """Set once it is known whether the node forwards traffic; before that nothing may be decided."""

    async def run(self, before: DataPlane | None) -> None:
        """Watch until cancelled; `before` is the data plane that the last speaker of this node reported."""
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
            netlink = listen(CHANGES)
        except OSError as error:
            log.warning("route_changes_not_watched", error=str(error), remedy="restart the speaker")
            return
        with netlink:
            while True:
                drain(netlink)
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
        loop, endpoint = asyncio.get_running_loop(), HealthEndpoint(self._url)
        try:
            while True:
                started = loop.time()
                result, answer = await _probe(endpoint)
                gate = fold(gate, result)
                if gate.state is not None and (gate.state is not self._host.data_plane or not self.known.is_set()):
                    self._note(replace(self._host, data_plane=gate.state, why=_why(gate, self._url, answer)))
                    self.known.set()
                await asyncio.sleep(max(0.0, started + pause(gate) - loop.time()))
        finally:
            endpoint.close()

    def _routed(self) -> LocalNode:
        own = link_locals(_link_local_lines())
        gateways = default_gateways(dump_routes(), dict(socket.if_nameindex()), own)
        return replace(self._host, gateways=gateways, link_locals=own)

    def _note(self, host: LocalNode) -> None:
        # Every pod has an interface; its link-local address is not worth a log line.
        if replace(host, link_locals=None) != replace(self._host, link_locals=None):
            log.info(
                "local_node_changed", data_plane=host.data_plane.value, why=host.why, gateways=_gateway_addresses(host)
            )
        self._host = host
        self._report(host)


def _link_local_lines() -> str:
    """Return the IPv6 addresses of this network namespace; empty if IPv6 is switched off."""
    path = PROC / "if_inet6"
    return path.read_text() if path.exists() else ""


async def _probe(endpoint: HealthEndpoint) -> tuple[ProbeResult, str]:
    """Probe once; return the result, and the answer in words."""
    try:
        async with asyncio.timeout(0.9 * SECONDS):
            status, reason = await endpoint.ask()
    except TimeoutError:
        return ProbeResult.SILENT, f"no answer within {0.9 * SECONDS:g} s"
    except OSError as error:
        return ProbeResult.SILENT, f"no answer: {error}"
    return ProbeResult.HEALTHY if status == 200 else ProbeResult.UNHEALTHY, f"it answers {status} {reason}"


def _why(gate: HealthState, url: str, answer: str) -> str:
    match gate.state:
        case DataPlane.UP:
            return f"{url} says that kube-proxy is healthy"
        case DataPlane.NOT_MONITORED:
            return f"nothing answers at {url}"
        case DataPlane.DOWN:
            return f"{url} no longer says that kube-proxy is healthy: {answer}"
        case _:
            return f"{url} has not yet said that kube-proxy is healthy: {answer}"


def _gateway_addresses(host: LocalNode) -> list[str]:
    return [str(gateway.address) for gateway in (host.gateways or {}).values()]
