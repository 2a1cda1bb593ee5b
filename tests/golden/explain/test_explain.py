"""The sentences of `exalb explain` and `exalb status` about some clusters, byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from exalb.cli.output import print_answer, print_status
from exalb.explain.answer_json import answer_json, status_json
from exalb.explain.status import status
from exalb.explain.subject import explain
from exalb.model.lease import Lease
from tests.support.golden import assert_golden
from tests.support.objects import (
    Object,
    advertisement,
    assigned_service,
    condition,
    endpoint,
    endpoints,
    node,
    peer,
    pool,
    service,
)
from tests.support.observing import LEADS, SINCE, down, observed, session, speaker

HERE = Path(__file__).parent
NODES = [f"n{number}" for number in range(1, 6)]
WELL: list[Object] = [
    pool("edge", "192.0.2.0/28", serviceAllocation={"namespaces": ["edge"]}),
    pool("main", "198.51.100.0/24"),
    peer("tor"),
    *(node(name, f"203.0.113.{10 + number}") for number, name in enumerate(NODES)),
    *(speaker(name) for name in NODES),
    assigned_service("shop/web", "198.51.100.1", loadBalancerClass="exalb.io/bgp"),
    endpoints("shop/web", endpoint("10.88.1.2", "n1")),
]
REPORTS = {
    "n2": [down(error="NOTIFICATION sent to the peer: OPEN message error (bad peer AS)")],
    "n3": [session(sent=0)],
}
BROKEN = [
    *(raw for raw in WELL if raw["kind"] != "BGPSpeaker"),
    *(speaker(name, *REPORTS.get(name, [session()])) for name in NODES[:4]),
    service("shop/late", annotations={"exalb.io/pool": "mian"}),
    advertisement("a", serviceSelectors=[{"matchLabels": {"app": "nothing"}}]),
    advertisement("b", ipAddressPools=["main", "gone"]),
]
LOCAL = [
    *(raw for raw in WELL if raw["kind"] != "Service"),
    assigned_service("shop/web", "198.51.100.1", externalTrafficPolicy="Local"),
]
DRAINED = {"state": "Withdrawn", "cause": "Annotation", "since": SINCE}
STEP = {"step": 2, "steps": 4, "announced": "prepend=3", "until": "2026-01-31T08:00:30Z"}
WAITS = "the drain is undone; the return begins when kube-proxy is healthy"
STARTING = condition("DataPlaneHealthy", "False", "NotHealthyYet", "http://localhost:10256/healthz: HTTP status 503")
DRAINS: dict[str, dict[str, Any]] = {
    "n1": {"drain": DRAINED},
    "n2": {"drain": {**DRAINED, "undone": True, "message": WAITS}, "conditions": [STARTING]},
    "n3": {"drain": {**DRAINED, "state": "Returning", "returning": STEP}},
    "n4": {"drain": {**DRAINED, "state": "Returning", "returning": STEP}},
}
UNDONE = [
    *(raw for raw in WELL if raw["kind"] != "BGPSpeaker"),
    *(speaker(name, **DRAINS.get(name, {})) for name in NODES),
]
CASES = {
    "well": (WELL, LEADS, "service/shop/web"),
    "broken": (BROKEN, Lease(), "service/shop/web"),
    "refused": (BROKEN, LEADS, "service/shop/late"),
    "local": (LOCAL, LEADS, "address/198.51.100.1"),
    "peer": (BROKEN, LEADS, "peer/tor"),
    "node": (BROKEN, LEADS, "node/n2"),
    "undone": (UNDONE, LEADS, "node/n2"),
}


@pytest.mark.parametrize("name", CASES)
def test_explain(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    objects, leader, subject = CASES[name]
    found = explain(observed(*objects, leader=leader), subject, "default")
    print_answer(found, wide=False)
    assert_golden(HERE / f"{name}.txt", trimmed(capsys.readouterr().out))
    assert_golden(HERE / f"{name}.json", json.dumps(answer_json(found), indent=2) + "\n")


@pytest.mark.parametrize("name", ["well", "broken", "undone"])
def test_status(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    objects, leader, _ = CASES[name]
    found = status(observed(*objects, leader=leader))
    print_status(found)
    assert_golden(HERE / f"status-{name}.txt", trimmed(capsys.readouterr().out))
    assert_golden(HERE / f"status-{name}.json", json.dumps(status_json(found), indent=2) + "\n")


def trimmed(text: str) -> str:
    """Return the text without spaces at the ends of lines."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
