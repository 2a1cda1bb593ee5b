"""How long a speaker takes from its start to the routes of many Services."""

import json
from collections.abc import Iterator
from datetime import datetime

from tests.bench.figures import SECONDS, Figure
from tests.bench.rig import Rig
from tests.bench.writes import speakers_killed
from tests.lab import exalb
from tests.lab.api import Json


def speakers_start(rig: Rig) -> Iterator[Figure]:
    """Kill every speaker, and read in the log of the next one when it started and when it had planned."""
    for _ in speakers_killed(rig):
        continue
    yield Figure("start-10000", SECONDS, [_seconds(rig, pod) for pod in _speakers(rig)])


def _speakers(rig: Rig) -> list[str]:
    found = rig.lab.api.items(
        f"/api/v1/namespaces/{exalb.NAMESPACE}/pods", labelSelector="app.kubernetes.io/component=speaker"
    )
    return [pod["metadata"]["name"] for pod in found]


def _seconds(rig: Rig, pod: str) -> float:
    text = rig.lab.kubectl("logs", pod, "--namespace", exalb.NAMESPACE, "--container=speaker")
    lines: list[Json] = [json.loads(line) for line in text.splitlines()]
    begun, planned = (next(line for line in lines if line["event"] == name) for name in ("starting", "routes_changed"))
    return (_time(planned) - _time(begun)).total_seconds()


def _time(line: Json) -> datetime:
    return datetime.fromisoformat(line["timestamp"])
