"""A real Prometheus scrapes the metrics of both programs, and evaluates every rule and every query of the dashboard."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from exalb.kube.manifests import snapshot_of
from exalb.model.local_node import DataPlane
from exalb.programs import controller_metrics, speaker_metrics
from exalb.programs.controller import LEASE_NAME
from exalb.runtime import metrics
from exalb.runtime.exposition import Family
from exalb.runtime.metrics import METRICS
from exalb.runtime.telemetry import Telemetry
from exalb.validation.rules import validate
from exalb_bfd.peers import BfdStatus
from exalb_bgp.session import SessionCounts, SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from exalb_l2.goal import L2Status
from tests.lab import wait
from tests.support.decisions import allocation_of, plan_of
from tests.support.monitoring import ALERTS, METALLB, filled_queries, may_be_empty
from tests.support.objects import assigned_service, endpoint, endpoints, node, peer, pool, service
from tests.support.prometheus import Prometheus, Target, evaluated, running, static

CLUSTER, _ = snapshot_of(
    [
        *(pool("main", "198.51.100.0/30"), pool("wrong", "no address"), peer("tor"), node("n1", "10.77.0.11")),
        *(assigned_service("web", "198.51.100.1"), endpoints("web")),
        *(assigned_service("idle", "198.51.100.2"), endpoints("idle", endpoint(ready=False))),
        *(service(f"more-{number}") for number in range(3)),
    ],
    "exalb-system",
)
"""A cluster in which every metric has a sample: also a pool that is not accepted, and a route that is withheld."""
STATUS = SpeakerStatus(
    True, {"tor": SessionStatus(State.ESTABLISHED, sent=1, counts=SessionCounts(established=2, closed=1, updates=7))}
)
AGES = {"Service": 1.0}


def of_the_controller() -> Iterator[Family]:
    """Yield the metrics of a leader."""
    yield metrics.LEADER.by_label({LEASE_NAME: 1})
    yield metrics.WATCH_AGE.by_label(AGES)
    yield from controller_metrics.decisions(CLUSTER, validate(CLUSTER), allocation_of(CLUSTER))
    yield metrics.SPEAKERS_SILENT.value(0)
    yield metrics.SERVICES_NOT_ANNOUNCED.value(0)


def of_the_speaker() -> Iterator[Family]:
    """Yield the metrics of the speaker of n1."""
    yield metrics.ENGINE_CONNECTED.value(1)
    yield metrics.WATCH_AGE.by_label(AGES)
    yield speaker_metrics.data_plane(DataPlane.UP)
    yield from speaker_metrics.drain(None, {})
    yield from speaker_metrics.sessions(plan_of("n1", CLUSTER), STATUS)
    yield from speaker_metrics.bfd(plan_of("n1", CLUSTER), BfdStatus())
    yield from speaker_metrics.l2(L2Status(True))


async def test_prometheus_evaluates_rules_and_dashboard(tmp_path: Path) -> None:
    controller, speaker = Telemetry(list, of_the_controller), Telemetry(list, of_the_speaker)
    controller.counter(metrics.EVENTS).inc("posted")
    controller.count_write("Service", "written")
    speaker.counter(metrics.ENGINE_CONNECTIONS).inc()
    speaker.histogram(metrics.PROPAGATION, speaker_metrics.PROPAGATION_BUCKETS).observe(0.02)
    async with controller.serve("127.0.0.1:0") as first, speaker.serve("127.0.0.1:0") as second:
        targets = [
            Target("exalb-controller", f"127.0.0.1:{first}", {"node": "n2"}),
            Target("exalb-speaker", f"127.0.0.1:{second}", {"node": "n1"}),
        ]
        await asyncio.to_thread(evaluate, tmp_path, targets)


def evaluate(directory: Path, targets: list[Target]) -> None:
    """Scrape the targets, and compare what Prometheus makes of them."""
    with running(directory, static(targets), [ALERTS, METALLB], count=len(targets)) as prometheus:
        for program in ("controller", "speaker"):
            wanted = {metric.name: metric.kind for metric in METRICS if metric.of in {"both", program}}
            served = prometheus.types(f"exalb-{program}")
            assert {name: kind for name, kind in served.items() if not name.startswith("process_")} == wanted
        wait.until("every rule is evaluated", lambda: all_evaluated(prometheus), seconds=60)
        [(labels, up)] = prometheus.query("metallb_bgp_session_up")
        assert (labels["peer"], up) == ("203.0.113.1", 1)
        assert prometheus.value("metallb_allocator_addresses_in_use_total") == 4
        assert prometheus.value("metallb_k8s_client_config_stale_bool") == 1
        for query in filled_queries():
            assert prometheus.query(query) or may_be_empty(query), query


def all_evaluated(prometheus: Prometheus) -> bool:
    """Whether each rule was evaluated without an error, and what the rules record is there."""
    return len(evaluated(prometheus)) > 20 and bool(prometheus.query("metallb_bgp_session_up"))
