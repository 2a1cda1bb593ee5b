"""Answers whether a BGPPeer has its sessions, and why not. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from exalb.announcement.advertisements import selects_peer
from exalb.api.reasons import Reason, Refusal
from exalb.explain.answer import Answer, Step, answer, broken, good, names, note, since_words
from exalb.explain.observed import Observed
from exalb.explain.sessions import Group, SessionState, flap_steps, grouped, session_state, without_services
from exalb.validation.peers import ActivePeer, is_for


def explain_peer(observed: Observed, name: str) -> Answer:
    """Return the chain of a BGPPeer, from its spec to its sessions."""
    return answer(f"BGPPeer {name}", _steps(observed, name), "every session is Established, and every prefix is sent")


def _steps(observed: Observed, name: str) -> Iterator[Step]:
    about = f"bgppeers.exalb.io/{name}"
    if name not in observed.cluster.peers:
        yield broken("Spec", Refusal(Reason.UNKNOWN_PEER, f"there is no BGPPeer {name}"))
        return
    peer = next((item for item in observed.rules.peers if item.name == name), None)
    findings = [item for item in (*observed.rules.invalid, *observed.malformed) if item.kind == "BGPPeer"]
    for finding in findings:
        if finding.name == name:
            make = broken if peer is None else note
            yield make("Spec", Refusal(finding.reason, f"{finding.field}: {finding.message}"), about)
    if peer is None:
        return
    yield good("Spec", f"active, families {', '.join(peer.spec.families)}", object=about)
    wanting = sorted(node.name for node in observed.cluster.nodes.values() if is_for(peer, node))
    if not wanting:
        yield _no_node(observed, name, about)
        return
    yield good("Nodes", f"{len(wanting)} of {len(observed.cluster.nodes)} nodes want a session", nodes=tuple(wanting))
    yield from _advertisements(observed, peer)
    states = list(_session_states(observed, name, wanting))
    for group in sorted(grouped(states), key=lambda item: item.refusal is not None):
        yield session_step(group)
    yield from flap_steps(states)


def _no_node(observed: Observed, name: str, about: str) -> Step:
    if any(item.spec and item.spec.template == name for item in observed.cluster.peers.values()):
        return good("Nodes", "no node has a session with it: other BGPPeers use it as their template", object=about)
    return broken("Nodes", Refusal(Reason.NO_SESSION_WANTED, f"nodeSelectors of BGPPeer {name} match no node"), about)


def idle_peers(observed: Observed) -> Iterator[Step]:
    """Yield a step for each BGPPeer with which no node wants a session, and which is no template of others."""
    nodes = observed.cluster.nodes.values()
    for peer in observed.rules.peers:
        if not any(is_for(peer, node) for node in nodes):
            step = _no_node(observed, peer.name, f"bgppeers.exalb.io/{peer.name}")
            if step.reason:
                yield replace(step, hop="Peers")


def _session_states(observed: Observed, name: str, nodes: list[str]) -> Iterator[SessionState]:
    """Yield the session of each node."""
    for node in nodes:
        plan = observed.plan(node, without_services(observed)).sessions[name]
        yield session_state(observed, node, plan)


def session_step(group: Group) -> Step:
    """Return the step of sessions that have one state."""
    where = f"{names(group.nodes)} → {names(group.peers)}"
    if group.refusal is None:
        message = f"Established, all prefixes sent: {where}{since_words(group.since)}"
        return good("Sessions", message, nodes=group.nodes, peers=group.peers)
    refusal = Refusal(group.refusal.reason, f"{where}: {group.refusal.message}")
    return broken("Sessions", refusal, nodes=group.nodes, peers=group.peers)


def _advertisements(observed: Observed, peer: ActivePeer) -> Iterator[Step]:
    if any(selects_peer(item.spec, peer) for item in observed.rules.advertisements):
        return
    message = f"no BGPAdvertisement selects BGPPeer {peer.name}, so nothing is announced to it"
    yield note("Advertisements", Refusal(Reason.NO_MATCHING_ADVERTISEMENT, message))
