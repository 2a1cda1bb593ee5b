"""The plan as JSON. Pure."""

from typing import Any

from exalb.analysis.plan import Plan
from exalb.announcement.adj_rib_out import SessionPlan, row_order
from exalb.announcement.l2 import L2Address
from exalb.api.address_ranges import address_order, prefix_order
from exalb.api.reasons import Finding
from exalb.model.cluster import Key
from exalb_bgp.rib import Address, Prefix


def to_json(planned: Plan) -> dict[str, Any]:
    """Return the plan as JSON values; every list is sorted, but nodes of `l2`, where the first announces.

    There are `l2` and `notes` only where they have entries.
    """
    parts: dict[str, Any] = {
        "services": [_service(key, planned) for key in sorted(planned.allocation.outcomes)],
        "nodes": [
            {"name": node.node, "sessions": [_session(one) for _, one in sorted(node.sessions.items())]}
            for node in planned.nodes
        ],
        "invalid": [_finding(finding) for finding in planned.invalid],
    }
    more = {
        "l2": [
            _lan(address, planned.l2.addresses[address]) for address in sorted(planned.l2.addresses, key=address_order)
        ],
        "notes": [_finding(finding) for finding in planned.notes],
    }
    return parts | {name: rows for name, rows in more.items() if rows}


def _lan(address: Address, planned: L2Address) -> dict[str, Any]:
    return {
        "address": str(address),
        "nodes": list(planned.candidates),
        "services": [str(key) for key in planned.services],
        "reason": planned.refusal.reason.value if planned.refusal else None,
        "message": planned.refusal.message if planned.refusal else None,
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "kind": finding.kind,
        "name": finding.name,
        "field": finding.field,
        "reason": finding.reason.value,
        "message": finding.message,
    }


def _service(key: Key, planned: Plan) -> dict[str, Any]:
    outcome = planned.allocation.outcomes[key]
    return {
        "namespace": key.namespace,
        "name": key.name,
        "pool": outcome.pool,
        "addresses": [str(address) for address in outcome.addresses],
        "reason": outcome.refusal.reason.value if outcome.refusal else None,
        "message": outcome.refusal.message if outcome.refusal else None,
    }


def _session(plan: SessionPlan) -> dict[str, Any]:
    session = plan.session
    return {
        "peer": plan.peer,
        "peerAddress": str(session.peer_address) if session else None,
        "localASN": session.local_asn if session else None,
        "peerASN": session.peer_asn if session else None,
        "routes": [_route(prefix, plan) for prefix in sorted(plan.routes, key=prefix_order)],
        "withheld": [
            {
                "service": str(key),
                "prefix": str(prefix),
                "reason": refusal.reason.value,
                "message": refusal.message,
            }
            for (key, prefix), refusal in sorted(plan.withheld.items(), key=lambda one: row_order(one[0]))
        ],
    }


def _route(prefix: Prefix, plan: SessionPlan) -> dict[str, Any]:
    route = plan.routes[prefix]
    attributes = route.attributes
    return {
        "prefix": str(prefix),
        "nextHop": str(attributes.next_hop) if attributes.next_hop else "self",
        "localPref": attributes.local_pref,
        "med": attributes.med,
        "asPathPrepend": attributes.as_path_prepend,
        "communities": [str(community) for community in attributes.communities],
        "largeCommunities": [str(community) for community in attributes.large_communities],
        "extendedCommunities": [str(community) for community in attributes.extended_communities],
        "services": list(route.services),
    }
