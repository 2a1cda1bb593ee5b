"""Answers whether a node announces what it should, and why not. Pure."""

from collections.abc import Iterator

from exalb.announcement.adj_rib_out import Row, SessionPlan
from exalb.announcement.eligibility import node_refusal
from exalb.api.l2 import L2Report
from exalb.api.reasons import Reason, Refusal
from exalb.explain.answer import Answer, Step, answer, broken, good, names, note
from exalb.explain.drain import drain_step
from exalb.explain.l2 import kernel_refusal, silence_of
from exalb.explain.observed import Observed, host_of, speaker_refusal
from exalb.explain.peer import session_step
from exalb.explain.sessions import flap_steps, grouped, session_state


def explain_node(observed: Observed, name: str) -> Answer:
    """Return the chain of a node, from its labels to its sessions and the routes that it withholds."""
    return answer(f"Node {name}", _steps(observed, name), "every session is Established, and every prefix is sent")


def _steps(observed: Observed, name: str) -> Iterator[Step]:
    node = observed.cluster.nodes.get(name)
    if node is None:
        yield broken("Node", Refusal(Reason.NODE_NOT_FOUND, f"there is no Node {name}"))
        return
    refusal = node_refusal(node, host_of(observed.cluster, name), observed.cluster.scope)
    if refusal:
        yield broken("Node", refusal, f"node/{name}")
    else:
        yield good("Node", "it may announce: not excluded, its network is available, and it forwards traffic")
    speaker = speaker_refusal(observed, name)
    if speaker:
        yield broken("Speaker", speaker, f"node/{name}")
        return
    yield good("Speaker", "the speaker reports, and its ExaBGP answers")
    report = observed.cluster.speakers[name].observed
    if report.drain:
        yield drain_step(name, report.drain)
    sessions = observed.plan(name).sessions
    if report.l2 and observed.rules.l2_advertisements:
        yield from _l2(observed, name, report.l2)
        if not sessions:
            return
    if not sessions:
        yield broken("Sessions", Refusal(Reason.NO_PEER, f"no active BGPPeer selects node {name}"))
        return
    states = [session_state(observed, name, plan) for _, plan in sorted(sessions.items())]
    for group in sorted(grouped(states), key=lambda item: item.refusal is not None):
        yield session_step(group)
    yield from flap_steps(states)
    yield from _withheld(list(sessions.values()))


def _l2(observed: Observed, name: str, report: L2Report) -> Iterator[Step]:
    """Yield how the node announces on its LANs, and the settings of its kernel that spoil it."""
    where = names(interface.name for interface in report.interfaces)
    if report.connected:
        yield good("L2", f"announces {report.addresses} addresses on its LANs; it could on {where}")
    else:
        yield broken("L2", silence_of((name,)), f"node/{name}")
    if spoiled := kernel_refusal(observed, name):
        yield broken("L2", spoiled, f"node/{name}")


def _withheld(sessions: list[SessionPlan]) -> Iterator[Step]:
    """Yield the routes that no session of the node announces, by reason."""
    announced = {prefix for session in sessions for prefix in session.rib}
    rows: dict[Reason, dict[Row, str]] = {}
    for session in sessions:
        for row, refusal in session.withheld.items():
            if row[1] not in announced and session.refusal is None:
                rows.setdefault(refusal.reason, {}).setdefault(row, refusal.message)
    for reason, found in sorted(rows.items(), key=lambda item: -len(item[1])):
        listed = names(f"{key} {prefix}" for key, prefix in sorted(found))
        message = f"{len(found)} withheld: {listed}: {next(iter(found.values()))}"
        yield note("Routes", Refusal(reason, message))
