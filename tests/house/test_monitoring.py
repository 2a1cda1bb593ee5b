"""Alerts, recording rules and dashboard name metrics that exist; every alert fires when it must, and has a runbook."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exalb.report.flaps import FLAP_SECONDS
from exalb_bgp.session import KEPT_ENDS
from tests.lab import fixtures, packages
from tests.support.monitoring import ALERTS, METALLB, dashboard_queries, rules, unknown
from tests.support.tree import ROOT

RUNBOOKS = ROOT / "docs" / "alerts.md"
HEALTHY = {
    'leader_election_master_status{name="exalb-controller",job="exalb-controller",instance="a:1"}': "1x60",
    'leader_election_master_status{name="exalb-controller",job="exalb-controller",instance="b:1"}': "0x60",
    'exalb_services{state="assigned",reason="Assigned"}': "5x60",
    "exalb_services_not_announced": "0x60",
    'exalb_pool_capacity{pool="main",family="IPv4"}': "10x60",
    'exalb_pool_assigned{pool="main",family="IPv4"}': "5x60",
    "exalb_speakers_silent": "0x60",
    'up{job="exalb-speaker",instance="n:1",node="n1"}': "1x60",
    'exalb_engine_connected{job="exalb-speaker",instance="n:1",node="n1"}': "1x60",
    'exalb_engine_connections_total{job="exalb-speaker",instance="n:1",node="n1"}': "1x60",
    'exalb_bgp_session_established{job="exalb-speaker",instance="n:1",node="n1",peer="left"}': "1x60",
    'exalb_bgp_session_established{job="exalb-speaker",instance="n:1",node="n1",peer="right"}': "1x60",
    'exalb_bgp_session_transitions_total{job="exalb-speaker",instance="n:1",node="n1",peer="left",to="closed"}': "1x60",
    'exalb_bfd_session_up{job="exalb-speaker",instance="n:1",node="n1",peer="left"}': "1x60",
    'exalb_bgp_prefixes_wanted{job="exalb-speaker",instance="n:1",node="n1",peer="left"}': "5x60",
    'exalb_bgp_prefixes_sent{job="exalb-speaker",instance="n:1",node="n1",peer="left"}': "5x60",
    'exalb_bgp_propagation_seconds_bucket{job="exalb-speaker",instance="n:1",node="n1",le="0.1"}': "0+60x60",
    'exalb_bgp_propagation_seconds_bucket{job="exalb-speaker",instance="n:1",node="n1",le="10"}': "0+60x60",
    'exalb_bgp_propagation_seconds_bucket{job="exalb-speaker",instance="n:1",node="n1",le="+Inf"}': "0+60x60",
    'exalb_data_plane_state{job="exalb-speaker",instance="n:1",node="n1",state="Healthy"}': "1x60",
    'exalb_data_plane_state{job="exalb-speaker",instance="n:1",node="n1",state="DataPlaneDown"}': "0x60",
    'exalb_l2_conflicts{job="exalb-speaker",instance="n:1",node="n1"}': "0x60",
    'exalb_watch_age_seconds{job="exalb-speaker",instance="n:1",node="n1",kind="Service"}': "50x60",
    'exalb_reconcile_errors_total{job="exalb-speaker",instance="n:1",node="n1"}': "0x60",
    'exalb_status_writes_total{job="exalb-controller",instance="a:1",kind="Service",outcome="refused"}': "0x60",
}
"""Sixty minutes of a cluster where nothing is wrong."""
LEFT = {"job": "exalb-speaker", "instance": "n:1", "node": "n1", "peer": "left"}
AT_NODE = {key: value for key, value in LEFT.items() if key != "peer"}

CASES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "ExalbNoLeader": ({"leader_election_master_status": "1x10 0x50"}, {}, "No controller of ExaLB leads"),
    "ExalbServicesPending": (
        {'exalb_services{state="pending",reason="PoolExhausted"}': "3x60"},
        {"reason": "PoolExhausted"},
        "3 Services have no address: PoolExhausted",
    ),
    "ExalbServicesNotAnnounced": (
        {"exalb_services_not_announced": "2x60"},
        {},
        "No node announces the address of 2 Services",
    ),
    "ExalbResourceNotAccepted": (
        {'exalb_resources_not_accepted{kind="BGPPeer",reason="InvalidSpec"}': "1x60"},
        {"kind": "BGPPeer", "reason": "InvalidSpec"},
        "1 BGPPeer not active, or only in part: InvalidSpec",
    ),
    "ExalbPoolNearlyFull": (
        {"exalb_pool_assigned": "10x60"},
        {"pool": "main", "family": "IPv4"},
        "100% of the IPv4 addresses of pool main are assigned",
    ),
    "ExalbSpeakerSilent": ({"exalb_speakers_silent": "2x60"}, {}, "2 speakers write no heartbeat"),
    "ExalbSpeakerDown": ({"up": "0x60"}, AT_NODE, "Prometheus cannot scrape the speaker of node n1"),
    "ExalbEngineDown": ({"exalb_engine_connected": "0x60"}, AT_NODE, "ExaBGP of node n1 does not answer"),
    "ExalbEngineRestarting": (
        {"exalb_engine_connections_total": "1+1x60"},
        AT_NODE,
        "ExaBGP of node n1 restarts again and again",
    ),
    "ExalbNodeIsolated": ({"exalb_bgp_session_established": "0x60"}, AT_NODE, "Node n1 has no BGP session"),
    "ExalbSessionDown": (
        {'exalb_bgp_session_established.*"left"': "0x60"},
        LEFT,
        "The session of node n1 with BGPPeer left is down",
    ),
    "ExalbBfdDown": (
        {"exalb_bfd_session_up": "0x60"},
        LEFT,
        "The BFD session of node n1 with BGPPeer left is down",
    ),
    "ExalbSessionFlapping": (
        {"exalb_bgp_session_transitions_total": "0+1x60"},
        LEFT | {"to": "closed"},
        "The session of node n1 with BGPPeer left goes up and down",
    ),
    "ExalbPrefixesNotSent": (
        {"exalb_bgp_prefixes_sent": "4x60"},
        LEFT,
        "Node n1 does not announce all prefixes to BGPPeer left",
    ),
    "ExalbPropagationSlow": (
        {'exalb_bgp_propagation_seconds_bucket.*"0.1"': "0+1x60"},
        AT_NODE,
        "Changes take 9.899s until the routers of node n1 have them",
    ),
    "ExalbDataPlaneDown": (
        {'exalb_data_plane_state.*"DataPlaneDown"': "1x60"},
        AT_NODE,
        "kube-proxy of node n1 is not healthy",
    ),
    "ExalbAddressConflict": (
        {"exalb_l2_conflicts": "1x60"},
        AT_NODE,
        "Another host answers for 1 of the addresses on the LAN of node n1",
    ),
    "ExalbWatchStale": (
        {"exalb_watch_age_seconds": "0+60x60"},
        AT_NODE,
        "The API server has not answered n:1 for 1h 0m 0s",
    ),
    "ExalbReconcileFailing": ({"exalb_reconcile_errors_total": "0+1x60"}, AT_NODE, "Rounds of n:1 fail"),
    "ExalbStatusRefused": (
        {"exalb_status_writes_total": "0+1x60"},
        {"job": "exalb-controller", "instance": "a:1", "kind": "Service"},
        "The API server refuses statuses of Service",
    ),
}
"""Of each alert: the series that are wrong (a whole name, or a pattern), the labels of the alert, its summary."""


@pytest.fixture(scope="module")
def promtool() -> Path:
    """Return promtool; install it where it is missing."""
    fixtures.require(packages.MONITORING)
    found = packages.find("promtool")
    assert found
    return found


def run(promtool: Path, *arguments: str | Path) -> None:
    """Run promtool; fail with what it prints."""
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_valid(promtool: Path) -> None:
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", ALERTS, METALLB)


def test_every_alert_has_a_case() -> None:
    assert [rule["alert"] for rule in rules(ALERTS.name)] == list(CASES)


@pytest.mark.parametrize("alert", CASES)
def test_alert_fires(promtool: Path, tmp_path: Path, alert: str) -> None:
    wrong, labels, summary = CASES[alert]
    series = HEALTHY | {name: values for name, values in wrong.items() if name.endswith("}")}
    for pattern, values in wrong.items():
        series |= {name: values for name in HEALTHY if re.match(pattern, name)}
    [rule] = [rule for rule in rules(ALERTS.name) if rule["alert"] == alert]
    expected = {
        "exp_labels": labels | rule["labels"],
        "exp_annotations": {"summary": summary, "description": rule["annotations"]["description"]},
    }
    check(promtool, tmp_path, series, {alert: [expected]})


def test_no_alert_fires_in_a_healthy_cluster(promtool: Path, tmp_path: Path) -> None:
    check(promtool, tmp_path, HEALTHY, {alert: [] for alert in CASES})


def check(promtool: Path, folder: Path, series: dict[str, str], alerts: dict[str, list[Any]]) -> None:
    """Have promtool evaluate the rules over these series, and compare the alerts after an hour."""
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": "60m", "alertname": alert, "exp_alerts": expected} for alert, expected in alerts.items()
        ],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "tests": [test]}))
    run(promtool, "test", "rules", folder / "test.yaml")


def test_session_flaps_by_the_alert_when_it_does_by_its_condition() -> None:
    [rule] = [rule for rule in rules(ALERTS.name) if rule["alert"] == "ExalbSessionFlapping"]
    assert rule["expr"].endswith(f"[{FLAP_SECONDS / 60:.0f}m]) > {KEPT_ENDS - 1}")


def test_every_alert_has_a_runbook() -> None:
    sections = re.findall(r"^## (Exalb\w+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert sections == list(CASES)


def test_alerts_say_how_bad_they_are_and_what_to_do() -> None:
    for rule in rules(ALERTS.name):
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.parametrize("query", [rule["expr"] for rule in rules(ALERTS.name) + rules(METALLB.name)])
def test_rule_asks_for_metrics_that_exist(query: str) -> None:
    assert list(unknown(query)) == []


@pytest.mark.parametrize("query", dashboard_queries())
def test_dashboard_asks_for_metrics_that_exist(query: str) -> None:
    assert list(unknown(query)) == []
