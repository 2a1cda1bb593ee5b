"""The addresses that a node announces on its LANs, as its BGPSpeaker shows it. Pure."""

from datetime import UTC, datetime

from exalb.announcement.eligibility import host_route
from exalb.api.address_ranges import address_order
from exalb.api.announced import pack
from exalb.api.l2 import L2Conflict, L2Interface, L2Report
from exalb.api.reasons import ConditionType, Reason, Refusal
from exalb.model.local_node import LocalNode
from exalb.report.conditions import DesiredCondition
from exalb.runtime.times import time_text
from exalb_bgp.session import Family
from exalb_l2.goal import L2Status, mac_text

_SHOWN = 16


def l2_report(status: L2Status | None, before: L2Report | None) -> L2Report | None:
    """Return the report; None where L2 is off.

    Before the process answers for the first time, what the last speaker reported stays: the process went on without it.
    """
    if status is None:
        return None
    if not status.connected and not status.interfaces:
        return before.model_copy(update={"connected": False}) if before else L2Report(connected=False)
    return L2Report(
        connected=status.connected,
        interfaces=tuple(
            L2Interface(
                name=interface.name,
                mac=mac_text(interface.mac),
                addresses=tuple(map(str, interface.addresses[:64])),
            )
            for interface in status.interfaces[:_SHOWN]
        ),
        addresses=len(status.held),
        announced=pack(host_route(address) for address in status.held),
        since=_newest(status),
        conflicts=tuple(
            L2Conflict(address=str(address), mac=problem.mac, node=problem.node)
            for address, problem in sorted(status.problems.items(), key=lambda item: str(item[0]))[:_SHOWN]
        ),
    )


def _newest(status: L2Status) -> str | None:
    """Return when the newest announcement began; the L2 process says it, so no speaker that starts changes it."""
    seconds = max((held.since for held in status.held.values()), default=None)
    return None if seconds is None else time_text(datetime.fromtimestamp(seconds, UTC))


def l2_conditions(status: L2Status | None, host: LocalNode) -> list[DesiredCondition]:
    """Return whether settings of the kernel spoil what the node announces; nothing where L2 is off or is silent."""
    if status is None or not status.connected:
        return []
    refusal = _answering_kernel(status) or _dropping_kernel(status, host)
    if refusal:
        return [DesiredCondition(ConditionType.L2_EFFECTIVE, "False", refusal.reason, refusal.message)]
    return [DesiredCondition(ConditionType.L2_EFFECTIVE, "True", Reason.NO_WARNINGS)]


def _answering_kernel(status: L2Status) -> Refusal | None:
    """Return that the kernel answers ARP for an address, on each node that has it on some interface."""
    on = [name for name, found in sorted(status.sysctls.items()) if found.arp_ignore == 0]
    for address, interface in sorted(status.local.items(), key=lambda item: address_order(item[0])):
        if on and address.version == 4:
            message = (
                f"the node has {address} on interface {interface}, so its kernel answers ARP for it on {on[0]}, as do"
                " other such nodes: set strictARP to true in kube-proxy's configuration for IPVS, or"
                " net.ipv4.conf.all.arp_ignore to 1 and arp_announce to 2"
            )
            return Refusal(Reason.ARP_NOT_STRICT, message)
    return None


def _dropping_kernel(status: L2Status, host: LocalNode) -> Refusal | None:
    """Return that packets of clients behind the default gateway are dropped: it is behind another interface."""
    gateway = (host.gateways or {}).get(Family.IPV4)
    used = sorted({name for address, held in status.held.items() if address.version == 4 for name in held.interfaces})
    for name in used:
        found = status.sysctls.get(name)
        if gateway and gateway.interface != name and found and found.rp_filter == 1:
            message = (
                f"rp_filter of {name} is 1, and the default gateway is behind {gateway.interface}: packets from other"
                f" subnets that arrive on {name} are dropped; set net.ipv4.conf.{name}.rp_filter to 2"
            )
            return Refusal(Reason.REVERSE_PATH_FILTER, message)
    return None
