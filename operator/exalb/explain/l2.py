"""Where the addresses of Services are announced by L2 (ARP, NDP), from the plan and the reports of the nodes. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from exalb.announcement.l2 import L2Address
from exalb.api.announced import unpack
from exalb.api.reasons import ConditionType, Reason, Refusal
from exalb.explain.answer import Step, broken, good, names, note, since_words
from exalb.explain.observed import Observed, speaker_refusal
from exalb.model.cluster import Service
from exalb.report.conditions import find_condition
from exalb_bgp.rib import Address

_OF_KERNELS = {reason.value: reason for reason in (Reason.ARP_NOT_STRICT, Reason.REVERSE_PATH_FILTER)}
_NEXT = 2
"""How many of the next candidates are named."""


class Holder(NamedTuple):
    """A node that announces an address on its LAN."""

    node: str
    interfaces: tuple[str, ...]
    since: str = ""
    """When it began, or after that; empty where its report does not say it."""

    @property
    def text(self) -> str:
        """The node, its interfaces, and since when."""
        return f"node {self.node} on {' and '.join(self.interfaces)}{since_words(self.since)}"


def holders(observed: Observed, address: Address) -> tuple[Holder, ...]:
    """Return the nodes that report that they announce an address."""
    planned = observed.l2.addresses.get(address)
    found = []
    for node, interfaces in observed.l2.nodes.items():
        report = observed.cluster.speakers[node].observed.l2
        announced = unpack(report.announced or ()) if report else None
        if announced and address in announced and speaker_refusal(observed, node) is None:
            named = planned.interfaces.get(node, ()) if planned else ()
            on = named or tuple(one.name for one in interfaces if one.reaches(address))[:1]
            found.append(Holder(node, on, (report and report.since) or ""))
    return tuple(found)


def l2_steps(observed: Observed, service: Service) -> Iterator[Step]:
    """Yield a step for each address of a Service that an L2Advertisement selects."""
    for address in service.held:
        if planned := observed.l2.addresses.get(address):
            yield from _of_address(observed, address, planned)


def _of_address(observed: Observed, address: Address, planned: L2Address) -> Iterator[Step]:
    found = holders(observed, address)
    refusal = refusal_of(observed, address, planned)
    if found:
        nodes = tuple(holder.node for holder in found)
        where = " and ".join(one.text for one in found)
        others = [node for node in planned.candidates if node not in nodes][:_NEXT]
        after = f"; if it fails, {names(others)} follows" if others else "; no other node could"
        yield good("L2", f"{address} announced on the LAN by {where}{after}", nodes=nodes)
        if refusal and refusal.reason is Reason.ADDRESS_CONFLICT:
            yield note("L2", refusal, f"node/{nodes[0]}")
        for node in planned.candidates:
            if spoiled := kernel_refusal(observed, node):
                yield note("L2", spoiled, f"node/{node}")
    elif refusal:
        about = f"node/{planned.candidates[0]}" if planned.candidates else ""
        yield broken("L2", refusal, about)


def kernel_refusal(observed: Observed, node: str) -> Refusal | None:
    """Return the setting of a node's kernel that spoils L2 there, as its BGPSpeaker says, or None."""
    report = observed.cluster.speakers.get(node)
    condition = find_condition(report.observed.conditions, ConditionType.L2_EFFECTIVE) if report else None
    reason = _OF_KERNELS.get(condition.reason) if condition else None
    return Refusal(reason, f"node {node}: {condition.message}") if condition and reason else None


def refusal_of(observed: Observed, address: Address, planned: L2Address) -> Refusal | None:
    """Return why no node announces an address, or that another host has it, too."""
    if planned.refusal:
        return planned.refusal
    for node in observed.l2.nodes:
        report = observed.cluster.speakers[node].observed.l2
        for conflict in report.conflicts if report else ():
            if conflict.address == str(address):
                who = f"node {conflict.node}" if conflict.node else "which no node of the cluster has"
                message = f"{address}: {conflict.mac} ({who}) answers for it on the LAN of node {node}"
                return Refusal(Reason.ADDRESS_CONFLICT, message)
    if holders(observed, address):
        return None
    listed = names(planned.candidates)
    return Refusal(Reason.NOT_ANNOUNCED, f"{address} is not announced on the LAN yet: {listed} may announce it")


def problems(observed: Observed) -> Iterator[Step]:
    """Yield a step for each reason why addresses are not announced on a LAN, and for processes that do not answer."""
    found: dict[Reason, dict[Address, str]] = {}
    for address, planned in observed.l2.addresses.items():
        if refusal := refusal_of(observed, address, planned):
            found.setdefault(refusal.reason, {})[address] = refusal.message
    for reason, messages in found.items():
        first = next(iter(messages.values()))
        more = f" (and {len(messages) - 1} more addresses)" if len(messages) > 1 else ""
        yield broken("L2", Refusal(reason, first + more))
    for node in observed.l2.nodes:
        if spoiled := kernel_refusal(observed, node):
            yield broken("L2", spoiled, f"node/{node}")
    silent = []
    for node in observed.l2.nodes:
        report = observed.cluster.speakers[node].observed.l2
        if report and not report.connected and speaker_refusal(observed, node) is None:
            silent.append(node)
    if silent:
        yield broken("L2", silence_of(silent), f"node/{silent[0]}", nodes=tuple(silent))


def silence_of(nodes: Iterable[str]) -> Refusal:
    """Return the refusal of nodes whose L2 process does not answer their speaker."""
    return Refusal(Reason.L2_NOT_ANSWERING, f"the L2 process of {names(nodes)} does not answer its speaker")
