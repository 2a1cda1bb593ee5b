"""Shows in advance where all that a drained node announces would go, and judges whether a drain has ended. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from exalb.announcement.drain import ANNOTATION, DrainPolicy
from exalb.announcement.l2 import L2Planner
from exalb.announcement.last_announcer import OtherAnnouncers
from exalb.api.address_ranges import address_order, prefix_order
from exalb.api.reasons import Reason, Refusal
from exalb.api.shorten import counted, shorten_names
from exalb.api.speaker import DrainCause, DrainReport, DrainState, is_stale
from exalb.explain.answer import Step, names, note
from exalb.explain.l2 import holders
from exalb.explain.next_steps import NEXT_STEPS
from exalb.explain.observed import Observed
from exalb.model.cluster import SpeakerReport
from exalb.report.drain import SHOWN_SERVICES
from exalb_bgp.rib import Address, Prefix

_LEAVING = (DrainState.DEPREFERRED, DrainState.WITHDRAWING, DrainState.WITHDRAWN)
_UNDO = {
    DrainCause.CORDON: "kubectl uncordon {node}",
    DrainCause.TAINT: "kubectl taint nodes {node} KEY-",
    DrainCause.NODE_SHUTDOWN: "start its machine again",
}
"""How causes end that are not the annotation."""


@dataclass(frozen=True, slots=True)
class LanMove:
    """An address that the node announces on its LAN, in a drain."""

    address: Address
    services: tuple[str, ...]
    follows: str
    """The node that announces it then; empty for none."""


@dataclass(frozen=True, slots=True)
class DrainPreview:
    """The routes of a node, by the effect of a drain on them."""

    node: str
    moved: Mapping[Prefix, tuple[str, ...]]
    """Announced by other nodes too, with their Services."""
    alone: Mapping[Prefix, tuple[str, ...]]
    """Announced by this node alone for some Services: these."""
    not_counted: Mapping[str, str]
    """Nodes that take over nothing, and why."""
    lan: tuple[LanMove, ...] = ()
    """The addresses that the node announces on its LANs."""

    @property
    def services_alone(self) -> tuple[str, ...]:
        """The Services that no other node announces."""
        on_lan = (move.services for move in self.lan if not move.follows)
        return tuple(sorted({service for services in (*self.alone.values(), *on_lan) for service in services}))


def preview_drain(observed: Observed, node: str) -> DrainPreview:
    """Return the effect of a drain of `node` now; nodes that announce nothing at this moment do not count."""
    cluster = observed.cluster
    idle = {name: why for name in cluster.nodes if (why := _why_idle(cluster.speakers.get(name)))}
    nodes = {name: known for name, known in cluster.nodes.items() if name not in idle or name == node}
    plan = observed.undrained_plan(node)
    lacking = OtherAnnouncers(node, DrainPolicy()).lacking(replace(cluster, nodes=nodes), observed.rules, plan)
    routes: dict[Prefix, set[str]] = {}
    for session in plan.sessions.values():
        for prefix, route in session.routes.items():
            routes.setdefault(prefix, set()).update(route.services)
    ordered = sorted(routes, key=prefix_order)
    return DrainPreview(
        node,
        {prefix: tuple(sorted(routes[prefix])) for prefix in ordered if prefix not in lacking},
        {prefix: tuple(map(str, lacking[prefix])) for prefix in ordered if prefix in lacking},
        {name: idle[name] for name in sorted(idle)},
        tuple(_lan_moves(observed, node, frozenset(idle))),
    )


def _lan_moves(observed: Observed, node: str, idle: frozenset[str]) -> Iterator[LanMove]:
    """Yield the addresses that `node` announces on its LANs, as L2 is planned with the node drained."""
    cluster = observed.cluster
    drained = replace(cluster.nodes[node], annotations={**cluster.nodes[node].annotations, ANNOTATION: "true"})
    after = L2Planner(DrainPolicy()).plan(replace(cluster, nodes={**cluster.nodes, node: drained}), observed.rules)
    for address, planned in sorted(observed.l2.addresses.items(), key=lambda item: address_order(item[0])):
        if node in (holder.node for holder in holders(observed, address)):
            others = (name for name in after.addresses[address].candidates if name != node and name not in idle)
            yield LanMove(address, tuple(map(str, planned.services)), next(others, ""))


def _why_idle(report: SpeakerReport | None) -> str:
    """Return why a node announces nothing that can be relied on, or an empty text."""
    if report is None:
        return "no speaker ever ran there"
    if is_stale(report.observed):
        return "its speaker does not report"
    lan = report.observed.l2
    if lan and not lan.connected:
        return "its L2 process does not answer"
    if not report.observed.established and (report.observed.wanted or not lan):
        return "no session is Established"
    drain = report.observed.drain
    if drain and waits_to_return(drain):
        return "its return waits for kube-proxy"
    return f"it is drained ({drain.cause.value})" if drain and drain.state in _LEAVING else ""


def preview_sentences(preview: DrainPreview, *, forced: bool) -> list[str]:
    """Return the effect of a drain in words."""
    alone = preview.services_alone
    lines = [f"node {preview.node}: {len(preview.moved)} prefixes move, {len(preview.alone)} have no other node"]
    if preview.lan:
        moving = sum(bool(move.follows) for move in preview.lan)
        lines.append(
            f"node {preview.node}, on its LAN: {moving} addresses move, {len(preview.lan) - moving} have no other node;"
            " a move resets open connections"
        )
    if alone:
        listed = f"{counted(len(alone), 'Service')} down: {shorten_names(alone, SHOWN_SERVICES)}"
        lines.append(
            f"draining {preview.node} takes {listed}"
            if forced
            else f"draining {preview.node} would take {listed}. No other node announces them, so they stay announced"
            f" from {preview.node}, with GRACEFUL_SHUTDOWN: run them on other nodes too, or use --force"
        )
    idle = [f"{name} ({why})" for name, why in preview.not_counted.items() if name != preview.node]
    if idle:
        lines.append(f"nodes that take over nothing: {shorten_names(idle, SHOWN_SERVICES)}")
    if why := preview.not_counted.get(preview.node):
        lines.append(f"node {preview.node} announces nothing itself now: {why}")
    return lines


def preview_json(preview: DrainPreview) -> dict[str, Any]:
    """Return the preview as JSON values."""
    return {
        "node": preview.node,
        "moved": [{"prefix": str(prefix), "services": list(names)} for prefix, names in preview.moved.items()],
        "alone": [{"prefix": str(prefix), "services": list(names)} for prefix, names in preview.alone.items()],
        "servicesAlone": list(preview.services_alone),
        "lan": [
            {"address": str(move.address), "services": list(move.services), "follows": move.follows or None}
            for move in preview.lan
        ],
        "notCounted": [{"node": name, "why": why} for name, why in preview.not_counted.items()],
    }


def drain_steps(observed: Observed) -> Iterator[Step]:
    """Yield a note for the drained nodes in each state, by cause, and one for each node that holds prefixes."""
    groups: dict[tuple[str, str, str], list[tuple[str, DrainReport]]] = {}
    for name in sorted(observed.cluster.speakers):
        report = observed.cluster.speakers[name].observed.drain
        if report and report.held:
            yield drain_step(name, report)
        elif report:
            key = report.state.value, report.cause.value, _undone_words(report)
            groups.setdefault(key, []).append((name, report))
    for _, alike in sorted(groups.items(), key=lambda item: item[0]):
        yield _shared_step([name for name, _ in alike], alike[0][1])


def _shared_step(nodes: list[str], report: DrainReport) -> Step:
    """Return the note about nodes that are equally far."""
    verb = "node is" if len(nodes) == 1 else "nodes are"
    message = f"{len(nodes)} {verb} drained, {report.state.value} ({report.cause.value}): {names(nodes)}"
    if is_undone(report):
        message = _undone_message(nodes, report)
    step = note("Drain", Refusal(Reason.NODE_DRAINING, message), f"node/{nodes[0]}", nodes=tuple(nodes))
    return replace(step, next=_next_of_undone(report) or step.next)


def drain_step(node: str, report: DrainReport) -> Step:
    """Return the note about the drain of one node."""
    message = f"node {node} is drained: {report.state.value} since {report.since} ({report.cause.value})"
    if is_undone(report):
        message = _undone_message([node], report, f" since {report.since}")
    if report.held:
        message += f"; it holds {counted(report.held, 'prefix', 'prefixes')}: {report.message}"
    step = note("Drain", Refusal(Reason.NODE_DRAINING, message), f"node/{node}", nodes=(node,))
    undo = _UNDO.get(report.cause, f"kubectl exalb drain {node} --undo").format(node=node)
    return replace(step, next=_next_of_undone(report) or f"nothing, or end the drain: {undo}")


def is_undone(report: DrainReport) -> bool:
    """Whether nothing drains the node any longer: it returns, or waits until it can forward."""
    return report.undone or report.state is DrainState.RETURNING


def waits_to_return(report: DrainReport) -> bool:
    """Whether the drain is undone, but the node is as the drain left it, because it cannot forward yet."""
    return report.undone and report.state is not DrainState.RETURNING


def _undone_message(nodes: list[str], report: DrainReport, since: str = "") -> str:
    one = len(nodes) == 1
    does = f"{'is' if one else 'are'} {report.state.value}"
    if report.state is DrainState.RETURNING:
        does = "returns" if one else "return"
    who = f"{'node' if one else 'nodes'} {names(nodes)}"
    return f"{who} {does}{since} ({report.cause.value}){_undone_words(report)}"


def _undone_words(report: DrainReport) -> str:
    """Say how far an undone drain is; empty where it is not undone."""
    return f": {report.message}" if waits_to_return(report) else return_words(report)


def _next_of_undone(report: DrainReport) -> str:
    """Return what to do about an undone drain; empty where it is not undone."""
    if waits_to_return(report):
        return NEXT_STEPS[Reason.DATA_PLANE_DOWN]
    return "nothing: the drain is undone, and ends by itself" if is_undone(report) else ""


def return_words(report: DrainReport) -> str:
    """Say in which step of its return a node is; empty while it does not return."""
    part = report.returning
    if part is None:
        return ""
    following = f"step {part.step + 1}" if part.step < part.steps else "as usual"
    return f": step {part.step} of {part.steps}, with {part.announced}; {following} at {part.until}"


def has_drained(report: DrainReport | None, *, forced: bool) -> bool:
    """Whether a drain has ended: all is withdrawn but the prefixes that it holds; with force it holds none."""
    return report is not None and report.state is DrainState.WITHDRAWN and not (forced and report.held)


def has_returned(report: DrainReport | None) -> bool:
    """Whether an undone drain has ended: the node is not drained, or only by another cause."""
    return report is None or (report.cause is not DrainCause.ANNOTATION and not is_undone(report))


def outcome_sentence(node: str, report: DrainReport | None) -> str:
    """Say how far the drain of a node is."""
    if report is None:
        return f"node {node} is not drained"
    text = f"node {node} is {report.state.value} (cause {report.cause.value}){return_words(report)}"
    if report.message:
        return f"{text}: {report.message}"
    return text


def other_cause(node: str, report: DrainReport | None) -> str:
    """Say what still drains a node whose annotation is gone, and how to end that; empty if nothing does."""
    if report is None or report.cause not in _UNDO or is_undone(report):
        return ""
    return f"node {node} stays drained (cause {report.cause.value}): {_UNDO[report.cause].format(node=node)}"
