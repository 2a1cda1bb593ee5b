"""The JSON values of the web page. Pure."""

from typing import Any

from exalb.allocation.outcome import Outcome
from exalb.api.shorten import shorten_count
from exalb.explain.answer_json import plain, status_json
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
        "services": [_service(services[key], outcome) for key, outcome in sorted(observed.allocation.outcomes.items())],
        "pools": [_pool(row) for row in pool_rows(observed)],
    }


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
