"""Probes and metrics over real HTTP."""

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from exalb.telemetry import Telemetry, gauge


async def get(port: int, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.text()


async def test_ready_says_why_not() -> None:
    reasons = ["not listed yet: Service"]
    telemetry = Telemetry(lambda: reasons, list)
    async with telemetry.serve("127.0.0.1:0") as port:
        assert await get(port, "/readyz") == (503, "not listed yet: Service\n")
        assert await get(port, "/healthz") == (200, "ok\n")
        reasons.clear()
        assert await get(port, "/readyz") == (200, "ok\n")


async def test_metrics_tell_what_is_true_now() -> None:
    now = {"tor": 1.0}
    rows = lambda: [gauge("exalb_up", "Up", ("peer",), [((peer,), value) for peer, value in now.items()])]  # noqa: E731
    telemetry = Telemetry(list, rows)
    telemetry.observe_round(0.002)
    telemetry.count_write("Service", "written")
    async with telemetry.serve("[::1]:0") as _, telemetry.serve("127.0.0.1:0") as port:
        status, text = await get(port, "/metrics")
        now["tor"] = 0.0
        _, later = await get(port, "/metrics")
    assert status == 200
    assert 'exalb_up{peer="tor"} 1.0' in text
    assert 'exalb_up{peer="tor"} 0.0' in later
    assert 'exalb_status_writes_total{kind="Service",outcome="written"} 1.0' in text
    assert "exalb_round_seconds" in {family.name for family in text_string_to_metric_families(text)}
