"""The steps of a Service's answer from its address to the routers. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from exalb.announcement.advertisements import selects_peer
from exalb.api.reasons import Finding, Reason, Refusal
from exalb.api.schema import any_matches, selectors_text
from exalb.api.shorten import shorten_sentences
from exalb.explain.announcements import Announcement, announcements
from exalb.explain.answer import Step, Verdict, broken, good, names, note, since_words
from exalb.explain.l2 import l2_steps
from exalb.explain.next_steps import next_step
from exalb.explain.observed import Observed
from exalb.explain.sessions import Group, SessionState, flap_steps, grouped
from exalb.model.cluster import Service
from exalb.validation.advertisements import ActiveAdvertisement, selects_pool
from exalb.validation.pools import PoolIndex
from exalb_bgp.rib import Prefix

ROUTERS = (
    "ExaLB's part works. If there is no traffic, look at the router: does it accept the route, and use it? Then follow"
    " the packet to the node and back: docs/no-traffic.md, from step 2 on"
)


def route_steps(observed: Observed, service: Service) -> Iterator[Step]:
    """Yield the peers that are not active, then where the Service is announced and where not."""
    rows = list(announcements(observed, service))
    on_lan = list(l2_steps(observed, service))
    is_sent, works = any(row.is_sent for row in rows), any(step.verdict is Verdict.GOOD for step in on_lan)
    yield from inactive_peers(observed, is_sent=is_sent or works)
    yield from on_lan
    if not rows:
        if not on_lan:
            yield _by_l2_alone(observed) or broken("Peers", _no_peer(observed))
        return
    for address in service.held:
        yield from _of_prefixes(
            observed, service, [row for row in rows if address in row.prefix], str(address), works=works
        )
    yield from flap_steps(row.state for row in rows if not row.withheld)
    if is_sent:
        yield Step("Routers", Verdict.UNCHECKED, ROUTERS)


def inactive_peers(observed: Observed, *, is_sent: bool) -> Iterator[Step]:
    """Yield a step for each BGPPeer that opens no session because something is wrong with it."""
    active = {peer.name for peer in observed.rules.peers}
    for finding in (*observed.rules.invalid, *observed.malformed):
        if finding.kind == "BGPPeer" and finding.name not in active:
            refusal = Refusal(finding.reason, f"BGPPeer {finding.name} is not active: {finding.message}")
            make = note if is_sent else broken
            yield make("Peers", refusal, f"bgppeers.exalb.io/{finding.name}")


def _by_l2_alone(observed: Observed) -> Step | None:
    """Return a step for a Service that no L2Advertisement selects, in a cluster without a BGPPeer; None in another."""
    if observed.cluster.peers or not observed.rules.l2_advertisements:
        return None
    listed = names(item.name for item in observed.rules.l2_advertisements)
    fields = "ipAddressPools, ipAddressPoolSelectors and serviceSelectors"
    message = f"there is no BGPPeer, and no L2Advertisement selects the Service and its pool: see {fields} of {listed}"
    step = broken("L2", Refusal(Reason.NO_MATCHING_ADVERTISEMENT, message))
    return replace(step, next="widen an L2Advertisement: kubectl get l2advertisements.exalb.io")


def _no_peer(observed: Observed) -> Refusal:
    if not observed.cluster.peers:
        return Refusal(Reason.NO_PEER, "there is no BGPPeer, so no node announces anything")
    if not observed.rules.peers:
        return Refusal(Reason.NO_PEER, "no BGPPeer is active, so no node announces anything")
    nodes = observed.cluster.nodes.values()
    astray = [
        f"BGPPeer {peer.name} selects {selectors_text(peer.spec.node_selectors)}, which no node has"
        for peer in observed.rules.peers
        if not any(any_matches(peer.spec.node_selectors, node.labels) for node in nodes)
    ]
    listed = names(peer.name for peer in observed.rules.peers)
    why = shorten_sentences(astray, 3) or f"see nodeSelectors and families of BGPPeer {listed}"
    return Refusal(Reason.NO_PEER, f"no node has a session that carries the address: {why}")


def _of_prefixes(
    observed: Observed, service: Service, rows: list[Announcement], address: str, *, works: bool
) -> Iterator[Step]:
    """Yield the steps of one address: first those that work. `works` is whether a node announces it on a LAN."""
    if not rows and works:
        return
    if not rows:
        message = f"no node has a session that carries {address}: see families of the BGPPeers"
        yield broken("Announcement", Refusal(Reason.NO_PEER, message))
        return
    states: dict[tuple[Prefix, bool], list[SessionState]] = {}
    for row in rows:
        states.setdefault((row.prefix, row.withheld), []).append(row.state)
    groups = [(*key, group) for key, members in states.items() for group in grouped(members)]
    is_sent = works or any(row.is_sent for row in rows)
    for prefix, withheld, group in sorted(groups, key=lambda item: item[2].refusal is not None):
        if group.refusal is None:
            yield _sent(prefix, group)
        else:
            refusal = _refusal(observed, service, prefix, group, group.refusal)
            verb = "withheld" if withheld else "not sent"
            first = "the first: " if len(group.nodes) > 1 and f"node {group.nodes[0]} " in refusal.message else ""
            text = Refusal(refusal.reason, f"{prefix} {verb}: {_where(group)}: {first}{refusal.message}")
            down = refusal.reason is Reason.SESSIONS_DOWN
            about = f"peer/{group.peers[0]}" if down else f"node/{group.nodes[0]}"
            make = note if is_sent and is_expected(service, refusal.reason) else broken
            step = make("Announcement", text, about, nodes=group.nodes, peers=group.peers)
            yield step if down else replace(step, next=next_step(text, _all_of(group.nodes)))


def _all_of(nodes: tuple[str, ...]) -> str:
    """Return the nodes as an argument of kubectl, at most twenty of them."""
    return f"node/{nodes[0]}" if len(nodes) == 1 else f"nodes {' '.join(nodes[:20])}"


def _sent(prefix: Prefix, group: Group) -> Step:
    since = f", sessions Established{since_words(group.since)}" if group.since else ""
    return good("Announcement", f"{prefix} sent: {_where(group)}{since}", nodes=group.nodes, peers=group.peers)


def _where(group: Group) -> str:
    nodes = group.nodes
    text = f"node {nodes[0]}" if len(nodes) == 1 else f"{len(nodes)} nodes ({names(nodes)})"
    return f"{text} → {names(group.peers)}"


def is_expected(service: Service, reason: Reason) -> bool:
    """Whether a node may withhold a Service for this reason although all is well, if other nodes announce it."""
    if reason is Reason.NO_READY_ENDPOINTS:
        return service.local_traffic
    return reason in (Reason.NODE_EXCLUDED, Reason.NO_MATCHING_ADVERTISEMENT)


def _refusal(observed: Observed, service: Service, prefix: Prefix, group: Group, refusal: Refusal) -> Refusal:
    """Return the refusal; where no advertisement selects, with the fields that do not."""
    if refusal.reason is not Reason.NO_MATCHING_ADVERTISEMENT:
        return refusal
    pool = PoolIndex(observed.rules.pools).find(prefix.network_address)
    peer = next((item for item in observed.rules.peers if item.name == group.peers[0]), None)
    node = observed.cluster.nodes.get(group.nodes[0])
    texts = []
    for item in observed.rules.advertisements:
        spec, fields = item.spec, []
        if pool and not selects_pool(spec, pool.name, pool.labels):
            fields.append("ipAddressPools or ipAddressPoolSelectors")
        if not any_matches(spec.service_selectors, service.labels):
            fields.append("serviceSelectors")
        if peer and not selects_peer(spec, peer):
            fields.append("peers or peerSelectors")
        if node and not any_matches(spec.node_selectors, node.labels):
            fields.append("nodeSelectors")
        if fields:
            texts.append(f"{item.name}: {' and '.join(fields)}{_findings(item, observed.rules.invalid)}")
    more = f" (not selected by {'; '.join(texts)})" if texts else ""
    return Refusal(refusal.reason, refusal.message + more)


def _findings(item: ActiveAdvertisement, findings: Iterable[Finding]) -> str:
    found = [f.message for f in findings if (f.kind, f.name) == ("BGPAdvertisement", item.name)]
    return f", {found[0]}" if found else ""
