"""Probes and metrics over real HTTP."""

import asyncio

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from exalb.runtime.bounded_server import MAX_CONNECTIONS, BoundedServer
from exalb.runtime.metrics import SESSION_ESTABLISHED
from exalb.runtime.telemetry import Telemetry


async def get(port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.text()


async def test_ready_names_the_missing() -> None:
    reasons = ["not listed yet: Service"]
    telemetry = Telemetry(lambda: reasons, list)
    async with telemetry.serve("127.0.0.1:0") as port:
        assert await get(port, "/readyz") == (503, "not listed yet: Service\n")
        assert await get(port, "/healthz") == (200, "ok\n")
        reasons.clear()
        assert await get(port, "/readyz") == (200, "ok\n")


async def test_metrics_are_current() -> None:
    now = {"tor": 1.0}
    telemetry = Telemetry(list, lambda: [SESSION_ESTABLISHED.by_label(now)])
    telemetry.observe_round(0.002, failed=False)
    telemetry.observe_round(0.002, failed=True)
    telemetry.count_write("Service", "written")
    async with telemetry.serve("[::1]:0") as _, telemetry.serve("127.0.0.1:0") as port:
        status, text = await get(port, "/metrics")
        now["tor"] = 0.0
        _, later = await get(port, "/metrics")
    assert status == 200
    assert 'exalb_bgp_session_established{peer="tor"} 1.0' in text
    assert 'exalb_bgp_session_established{peer="tor"} 0.0' in later
    assert 'exalb_status_writes_total{kind="Service",outcome="written"} 1.0' in text
    assert "exalb_reconcile_errors_total 1.0" in text
    families = {family.name for family in text_string_to_metric_families(text)}
    assert {"exalb_reconcile_duration_seconds", "exalb_build_info"} <= families
    assert not [name for name in families if name.endswith("_created")]


async def test_connection_ends_after_its_time_whatever_it_sends() -> None:
    bounded = BoundedServer(asyncio.Protocol, max_seconds=0.05)
    server = await asyncio.get_running_loop().create_server(bounded, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: half")
        assert await _ends(reader)
        writer.close()


async def test_new_connection_replaces_the_oldest() -> None:
    telemetry = Telemetry(list, list)
    async with telemetry.serve("127.0.0.1:0") as port:
        connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        assert (await get(port, "/healthz"))[0] == 200
        assert await _ends(connections[0][0])
        for _, writer in connections:
            writer.close()


async def _ends(reader: asyncio.StreamReader) -> bool:
    """Whether the other end closes the connection in time; an abort is a reset."""
    try:
        return await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:
        return True
