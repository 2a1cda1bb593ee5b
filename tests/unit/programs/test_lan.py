"""A speaker without L2 does nothing for it; with L2 it asks the process for what the plan says."""

import asyncio

from exalb.analysis.l2_warnings import l2_warnings
from exalb.announcement.drain import DrainPolicy
from exalb.announcement.l2 import L2Planner
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster
from exalb.programs.lan import Lan
from exalb.programs.speaker_metrics import l2
from exalb.report.l2 import l2_report
from exalb.validation.rules import Rules, validate
from tests.support import objects


def test_l2_that_is_off_costs_nothing() -> None:
    """No client, no attempt to connect, no report, no metric; and a planner that looks at nothing."""
    lan = Lan("n1", "", DrainPolicy(), lambda: None)
    lan.plan(Cluster(), Rules())
    asyncio.run(asyncio.wait_for(lan.run(), 1))
    assert lan.status is None
    assert l2_report(lan.status, None) is None
    assert list(l2(lan.status)) == []


def test_cluster_without_l2_advertisements_is_not_looked_at() -> None:
    """The planner would need `services` of a cluster."""
    cluster, _ = snapshot_of([objects.node("n1"), objects.l2_speaker("n1", "10.0.0.1/24")], "exalb-system")
    rules = validate(cluster)
    assert L2Planner(DrainPolicy()).plan(None, rules).addresses == {}  # type: ignore[arg-type]
    assert list(l2_warnings(cluster, rules)) == []


def test_speaker_with_l2_reports_it(tmp_path: object) -> None:
    lan = Lan("n1", f"{tmp_path}", DrainPolicy(), lambda: None)
    report = l2_report(lan.status, None)
    assert report
    assert not report.connected
