"""What our custom resources are told: how full a pool is, a peer's sessions, and what is wrong with a spec. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exalb.allocation import Allocation
from exalb.cluster import Cluster, CustomResource
from exalb.peering import is_for
from exalb.reasons import Invalid
from exalb.validity import InForce
from exalb.writes import (
    API_VERSION,
    READY,
    Changes,
    EventNote,
    ObjectKey,
    StatusWrite,
    Wanted,
    conditions,
    status_patch,
)
from exalb_bgp.session import Family

IN_EFFECT = "InEffect"
ESTABLISHED = "Established"
EFFECTIVE = "Effective"
"""The condition of pools, peers and advertisements in force: whether all that they ask for can have an effect."""
ALL_EFFECTIVE = "AllEffective"
TOLD = 5
"""How many mistakes a condition tells; it says how many more there are."""
HIGHEST = (1 << 63) - 1
"""What an int64 of the API can tell."""


def resource_changes(
    cluster: Cluster, in_force: InForce, vain: Iterable[Invalid], allocation: Allocation, now: str
) -> Changes:
    """Return the writes that bring the status of every pool, peer and advertisement to what is."""
    wrong = _by_object(in_force.invalid)
    writes: list[StatusWrite] = []
    events: list[EventNote] = []
    for kind, resource, status, more in _wanted(cluster, in_force, _by_object(vain), allocation):
        ready = _ready(resource, wrong.get((kind, resource.name), []))
        status["conditions"] = conditions(resource.status.get("conditions") or (), [ready, *more], now)
        patch = status_patch(resource.status, status)
        if patch:
            writes.append(_write(kind, resource, patch))
            events.extend(_news(kind, resource, ready))
    return Changes(tuple(writes), tuple(events))


def _by_object(found: Iterable[Invalid]) -> dict[tuple[str, str], list[Invalid]]:
    by_object: dict[tuple[str, str], list[Invalid]] = {}
    for one in found:
        by_object.setdefault((one.kind, one.name), []).append(one)
    return by_object


def _wanted(
    cluster: Cluster, in_force: InForce, vain: Mapping[tuple[str, str], list[Invalid]], allocation: Allocation
) -> Iterator[tuple[str, CustomResource, dict[str, Any], list[Wanted]]]:
    standing = {pool.name for pool in in_force.pools}
    for pool in cluster.pools.values():
        effective = [_effective(pool, vain.get(("IPAddressPool", pool.name), []))] if pool.name in standing else []
        yield "IPAddressPool", pool, _pool_status(pool.name, allocation), effective
    sessions = _sessions(cluster)
    wanting = {
        peer.name: [node.name for node in cluster.nodes.values() if is_for(peer, node)] for peer in in_force.peers
    }
    for peer in cluster.peers.values():
        status, established = _peer_status(wanting.get(peer.name, []), sessions.get(peer.name, {}))
        effective = [_effective(peer, vain.get(("BGPPeer", peer.name), []))] if peer.name in wanting else []
        yield "BGPPeer", peer, status, [established, *effective]
    for advertisement in cluster.advertisements.values():
        found = vain.get(("BGPAdvertisement", advertisement.name), [])
        more = [_effective(advertisement, found)] if advertisement.spec else []
        yield "BGPAdvertisement", advertisement, {}, more
    for names in cluster.communities.values():
        yield "Community", names, {}, []


def _pool_status(name: str, allocation: Allocation) -> dict[str, Any]:
    status: dict[str, Any] = {}
    usage = []
    for family, field in ((Family.IPV4, "ipv4"), (Family.IPV6, "ipv6")):
        use = allocation.use.get((name, family))
        if use is None:
            continue
        free = max(0, use.capacity - use.assigned)
        counts = {"capacity": use.capacity, "assigned": use.assigned, "available": free}
        status[field] = {key: min(count, HIGHEST) for key, count in counts.items()}
        usage.append(f"{use.assigned}/{free if free < 1_000_000 else f'~2^{free.bit_length() - 1}'}")
    if usage:
        status["usage"] = " ".join(usage)
    return status


def _sessions(cluster: Cluster) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return what the speakers report, by peer and node."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for speaker in cluster.speakers.values():
        if speaker.name in cluster.nodes:
            for session in speaker.status.get("sessions") or ():
                found.setdefault(session.get("peer", ""), {})[speaker.name] = session
    return found


def _peer_status(nodes: list[str], sessions: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], Wanted]:
    up = [node for node in nodes if sessions.get(node, {}).get("state") == ESTABLISHED]
    down = sorted(set(nodes) - set(up))
    status = {"established": len(up), "wanted": len(nodes), "sessions": f"{len(up)}/{len(nodes)}"}
    if not nodes:
        return status, Wanted(ESTABLISHED, "False", "NoSessionWanted", "no node has a session with this peer")
    if not down:
        return status, Wanted(
            ESTABLISHED, "True", "AllEstablished", f"{len(up)} of {len(nodes)} sessions are Established"
        )
    why = "; ".join(f"node {node}: {_why_down(sessions.get(node))}" for node in down[:3])
    more = f"; and {len(down) - 3} more" if len(down) > 3 else ""
    return status, Wanted(
        ESTABLISHED, "False", "SessionsDown", f"{len(up)} of {len(nodes)} are Established; {why}{more}"
    )


def _why_down(session: Mapping[str, Any] | None) -> str:
    if session is None:
        return "its speaker has not reported"
    return str(session.get("lastError") or session.get("state") or "unknown")


def _ready(resource: CustomResource, wrong: list[Invalid]) -> Wanted:
    return _verdict(READY, IN_EFFECT, resource, wrong)


def _effective(resource: CustomResource, vain: list[Invalid]) -> Wanted:
    return _verdict(EFFECTIVE, ALL_EFFECTIVE, resource, vain)


def _verdict(condition: str, good: str, resource: CustomResource, found: list[Invalid]) -> Wanted:
    if not found:
        return Wanted(condition, "True", good, "", resource.generation)
    more = f"; and {len(found) - TOLD} more" if len(found) > TOLD else ""
    message = "; ".join(f"{one.field}: {one.message}" for one in found[:TOLD]) + more
    return Wanted(condition, "False", found[0].reason.value, message, resource.generation)


def _write(kind: str, resource: CustomResource, patch: Mapping[str, Any]) -> StatusWrite:
    body = {"metadata": {"resourceVersion": resource.resource_version}, "status": patch}
    return StatusWrite(kind, None, resource.name, resource.uid, resource.resource_version, body, "merge")


def _news(kind: str, resource: CustomResource, ready: Wanted) -> Iterator[EventNote]:
    """Tell once when something gets wrong with a spec, or another thing than before."""
    before = {one.get("type"): one for one in resource.status.get("conditions") or ()}.get(READY, {})
    if ready.status == "False" and (before.get("reason"), before.get("message")) != (ready.reason, ready.message):
        after = ObjectKey(kind, None, resource.name)
        yield EventNote(
            kind, API_VERSION, None, resource.name, resource.uid, "Warning", ready.reason, ready.message, "Judge", after
        )
