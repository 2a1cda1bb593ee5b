"""A running cluster as `kubectl exalb` sees it, made from manifests: its objects, its speakers and its leader."""

from datetime import UTC, datetime, timedelta
from typing import Any

from exalb.explain.observed import Observed, with_supposed_secrets
from exalb.kube.manifests import snapshot_of
from exalb.model.lease import Lease
from tests.support.objects import Object, condition

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
SINCE = "2026-01-30T08:00:00Z"
FLAPS = [f"2026-01-31T07:5{minute}:00.000000Z" for minute in (0, 2, 4, 6)]
"""When a session went down that flaps."""
LEADS = Lease("exalb-controller-0_1a2b", NOW - timedelta(seconds=1))


def observed(*raws: Object, leader: Lease = LEADS) -> Observed:
    """Return the cluster of these objects, a minute after the heartbeats of its speakers."""
    cluster, malformed = snapshot_of(raws, "exalb-system")
    return Observed(with_supposed_secrets(cluster), NOW, leader, malformed)


def session(peer: str = "tor", *, wanted: int = 1, sent: int | None = None, **more: Any) -> Object:
    """Return the report of a session; it is Established, and every prefix is sent, unless `more` says otherwise."""
    report = {
        "peer": peer,
        "peerAddress": "203.0.113.1",
        "localASN": 64512,
        "peerASN": 64513,
        "state": "Established",
        "since": SINCE,
        "prefixesWanted": wanted,
        "prefixesSent": wanted if sent is None else sent,
        **more,
    }
    return {key: value for key, value in report.items() if value is not None}


def down(peer: str = "tor", error: str = "no TCP connection to 203.0.113.1 yet", state: str = "Active") -> Object:
    """Return the report of a session that is not Established."""
    return session(peer, sent=0, state=state, lastError=error)


def speaker(name: str = "n1", *sessions: Object, age: int = 60, conditions: Any = (), **status: Any) -> Object:
    """Return the BGPSpeaker of a node, written `age` seconds ago; with one good session unless others are given."""
    found = list(sessions) or [session()]
    ready = condition("Ready", "True", "EngineConnected", "")
    healthy = condition("DataPlaneHealthy", "True", "Healthy", "kube-proxy answers")
    given = {entry["type"]: entry for entry in (ready, healthy, *conditions)}
    return {
        "apiVersion": "exalb.io/v1beta1",
        "kind": "BGPSpeaker",
        "metadata": {"name": name},
        "status": {
            "sessions": found,
            "wanted": len(found),
            "established": sum(report["state"] == "Established" for report in found),
            "heartbeat": (NOW - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "conditions": list(given.values()),
            **status,
        },
    }
