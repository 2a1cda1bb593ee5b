"""Where else a person or a program sees the reason of a broken situation: conditions, events and metrics."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from exalb.explain.observed import Observed, host_of
from exalb.model.patches import Changes
from exalb.programs import controller_metrics, speaker_metrics
from exalb.report.speaker import speaker_changes
from exalb.runtime.exposition import Family
from exalb_bgp.session import FAMILIES, SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from tests.support.decisions import changes_of
from tests.support.observing import NOW

NODE = "n1"


def surfaces(seen: Observed, reason: str) -> frozenset[str]:
    """Return each condition, event and metric that has the reason as a word; `metric` has the name of the metric."""
    return frozenset(name for name, text in _texts(seen) if re.search(rf"\b{reason}\b", text))


def _texts(seen: Observed) -> Iterator[tuple[str, str]]:
    """Yield all that the programs write and count about a cluster."""
    yield from _changes(changes_of(seen.cluster, NOW.isoformat()))
    for raw in seen.cluster.speakers.values():
        yield from ((f"condition {entry.type}", f"{entry.reason} {entry.message}") for entry in raw.observed.conditions)
    status = SpeakerStatus(True, {name: _up(plan) for name, plan in seen.plan(NODE).sessions.items()})
    local = replace(seen.cluster, host=host_of(seen.cluster, NODE))
    yield from _changes(speaker_changes(local, seen.plan(NODE), status, NOW.isoformat()))
    yield from _metrics(controller_metrics.decisions(seen.cluster, seen.rules, seen.allocation))
    yield from _metrics(speaker_metrics.sessions(seen.plan(NODE), status))


def _up(plan: Any) -> SessionStatus:
    """Return the status of a session that has sent everything."""
    return SessionStatus(State.ESTABLISHED, families=frozenset(FAMILIES.values()), sent=len(plan.rib))


def _changes(changes: Changes) -> Iterator[tuple[str, str]]:
    for write in changes.writes:
        for entry in write.body["status"].get("conditions", ()):
            if "reason" in entry:
                yield f"condition {entry['type']}", f"{entry['reason']} {entry.get('message', '')}"
    yield from (("event", f"{event.reason} {event.message}") for event in changes.events)


def _metrics(families: Iterable[Family]) -> Iterator[tuple[str, str]]:
    for family in families:
        for sample in family.samples:
            if sample.value:
                yield f"metric {sample.name}", " ".join(sample.labels.values())
