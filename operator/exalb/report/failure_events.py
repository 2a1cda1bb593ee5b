"""Posts an event when a BFD session leaves Up or reaches it, and when a host answers for an address on a LAN. Pure."""

from collections.abc import Iterator, Mapping

from exalb.api.bfd import BfdReport
from exalb.api.l2 import L2Conflict
from exalb.api.reasons import Reason
from exalb.api.speaker import BGPSpeakerStatus
from exalb.model.cluster import SpeakerReport
from exalb.model.diff import changed_keys
from exalb.model.patches import EventDraft
from exalb.report.speaker_event import speaker_event

UP, ACTION = "Up", "Monitor"


def failure_events(before: Mapping[str, SpeakerReport], after: Mapping[str, SpeakerReport]) -> Iterator[EventDraft]:
    """Yield the events about all that is new in the second of two snapshots."""
    for name in sorted(changed_keys(before, after)):
        if name in before and name in after:
            yield from _of_bfd(before[name], after[name])
            yield from _of_lans(before[name], after[name])


def _of_bfd(before: SpeakerReport, after: SpeakerReport) -> Iterator[EventDraft]:
    earlier = _bfd_by_peer(before.observed)
    for peer, report in _bfd_by_peer(after.observed).items():
        was = earlier.get(peer)
        if was is None or (was.state == UP) is (report.state == UP):
            continue
        about = f"the BFD session of node {after.name} with the router of BGPPeer {peer}"
        if report.state == UP:
            yield speaker_event(after, "Normal", Reason.BFD_UP, f"{about} is Up", ACTION)
        else:
            why = report.message or report.diagnostic or "no reason is known"
            yield speaker_event(after, "Warning", Reason.BFD_DOWN, f"{about} went {report.state}: {why}", ACTION)


def _of_lans(before: SpeakerReport, after: SpeakerReport) -> Iterator[EventDraft]:
    known = set(_conflicts(before.observed))
    for conflict in _conflicts(after.observed):
        if conflict not in known:
            whose = f", of node {conflict.node}" if conflict.node else ""
            message = f"{conflict.mac}{whose} answers for {conflict.address} on a LAN of node {after.name}"
            yield speaker_event(after, "Warning", Reason.ADDRESS_CONFLICT, message, ACTION)


def _bfd_by_peer(status: BGPSpeakerStatus) -> Mapping[str, BfdReport]:
    return {session.peer: session.bfd for session in status.sessions if session.bfd}


def _conflicts(status: BGPSpeakerStatus) -> tuple[L2Conflict, ...]:
    return status.l2.conflicts if status.l2 else ()
