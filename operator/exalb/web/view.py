"""The JSON values of the web page. Pure."""

from typing import Any

from exalb.allocation.outcome import Outcome
from exalb.api.l2 import L2Report
from exalb.api.shorten import counted, shorten_count
from exalb.api.speaker import BGPSpeakerStatus, DrainReport
from exalb.explain.answer import since_words
from exalb.explain.answer_json import plain, status_json
from exalb.explain.drain import waits_to_return
from exalb.explain.observed import Observed
from exalb.explain.status import status
from exalb.explain.tables import PoolRow, peer_rows, pool_rows
from exalb.model.cluster import Service


def overview(observed: Observed) -> dict[str, Any]:
    """Return all that the page shows before anybody asks about one object."""
    services = observed.cluster.services
    return {
        "status": status_json(status(observed)),
        "peers": [plain(row) for row in peer_rows(observed)],
        "nodes": [_node(name, report.observed) for name, report in sorted(observed.cluster.speakers.items())],
        "services": [_service(services[key], outcome) for key, outcome in sorted(observed.allocation.outcomes.items())],
        "pools": [_pool(row) for row in pool_rows(observed)],
    }


def _node(name: str, report: BGPSpeakerStatus) -> dict[str, Any]:
    """Return how far the drain of a node is, and what it announces on its LANs; null where there is neither."""
    drain, lan = report.drain, report.l2
    return {
        "node": name,
        "drain": _drain(drain) if drain else None,
        "lan": _lan(lan) if lan else None,
    }


def _drain(report: DrainReport) -> str:
    undone = ", undone: it waits for kube-proxy" if waits_to_return(report) else ""
    return f"{report.state.value} since {report.since} ({report.cause.value}){undone}"


def _lan(report: L2Report) -> str:
    if not report.connected:
        return "the L2 process does not answer"
    where = " and ".join(interface.name for interface in report.interfaces) or "no interface"
    return f"announces {counted(report.addresses, 'address', 'addresses')} on {where}{since_words(report.since)}"


def _service(service: Service, outcome: Outcome) -> dict[str, Any]:
    """Return one Service of ExaLB: its addresses, and why it is not announced or where it is."""
    announced = service.announced
    if outcome.refusal:
        is_good, reason, message = False, outcome.refusal.reason.value, outcome.refusal.message
    elif announced:
        is_good, reason, message = announced.status == "True", announced.reason, announced.message
    else:
        is_good, reason, message = None, "", "not known yet"
    return {
        "name": str(service.key),
        "addresses": list(map(str, outcome.addresses)),
        "pools": list(outcome.pools),
        "good": is_good,
        "reason": reason,
        "message": message,
    }


def _pool(row: PoolRow) -> dict[str, Any]:
    """Return one family of a pool; its numbers are text, because those of IPv6 are too large for a browser."""
    use = f"{row.assigned} of {shorten_count(row.capacity)}"
    return {
        "pool": row.pool,
        "family": row.family,
        "use": use,
        "share": row.assigned / row.capacity if row.capacity else 0,
    }
