"""The addresses that a node announces on its LANs, as its BGPSpeaker shows it. Pure."""

from exalb.announcement.eligibility import host_route
from exalb.api.announced import pack
from exalb.api.l2 import L2Conflict, L2Interface, L2Report
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
        conflicts=tuple(
            L2Conflict(address=str(address), mac=problem.mac, node=problem.node)
            for address, problem in sorted(status.problems.items(), key=lambda item: str(item[0]))[:_SHOWN]
        ),
    )
