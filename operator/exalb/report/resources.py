"""Decides the statuses of pools, peers, advertisements and communities, and the events about them. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from exalb.allocation.allocator import Allocation, PoolUse
from exalb.api.advertisement import BGPAdvertisementStatus
from exalb.api.community import CommunityStatus
from exalb.api.l2_advertisement import L2AdvertisementStatus
from exalb.api.peer import BGPPeerStatus
from exalb.api.pool import FamilyUse, IPAddressPoolStatus
from exalb.api.reasons import ConditionType, Finding, Reason
from exalb.api.schema import LabelSelector
from exalb.api.shorten import shorten_count, shorten_names, shorten_sentences
from exalb.api.status import parse_status
from exalb.model.cluster import Advertisement, Cluster, CustomResource, L2Advertisement, Peer, Pool
from exalb.model.patches import API_VERSION, Changes, EventDraft, ObjectKey, StatusWrite
from exalb.report.conditions import (
    DesiredCondition,
    conditions,
    find_condition,
    status_patch,
    status_write,
)
from exalb.report.peers import (
    PeerSessions,
    begins_to_flap,
    established_condition,
    peer_sessions,
    peer_status,
    ready_condition,
    sessions_changed,
)
from exalb.validation.rules import Rules
from exalb_bgp.session import Family

SHOWN = 5
"""How many findings a condition shows; it says how many more there are."""
SHOWN_NAMES = 3
"""How many names or ranges a column shows."""
LONGEST_CELL = 512
HIGHEST = (1 << 63) - 1
"""The largest int64, which is the largest number of the API."""

Status = IPAddressPoolStatus | BGPPeerStatus | BGPAdvertisementStatus | L2AdvertisementStatus | CommunityStatus


@dataclass(frozen=True, slots=True)
class _Report:
    """The status that one resource should have."""

    kind: str
    resource: CustomResource
    status: Status
    validity: DesiredCondition
    """Whether the spec is valid: a change to False is worth an event."""
    conditions: tuple[DesiredCondition, ...]


class _Findings:
    """Findings by object."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._by_object: dict[tuple[str, str], list[Finding]] = {}
        for finding in findings:
            self._by_object.setdefault((finding.kind, finding.name), []).append(finding)

    def verdict(self, kind: str, resource: CustomResource, condition: ConditionType, good: Reason) -> DesiredCondition:
        """Return a condition that is True where nothing was found."""
        findings = self._by_object.get((kind, resource.name))
        if not findings:
            return DesiredCondition(condition, "True", good, "", resource.generation)
        sentences = [f"{finding.field}: {finding.message}" for finding in findings]
        message = shorten_sentences(sentences, SHOWN)
        return DesiredCondition(condition, "False", findings[0].reason, message, resource.generation)


def resource_changes(
    cluster: Cluster, rules: Rules, warnings: Iterable[Finding], allocation: Allocation, now: str
) -> Changes:
    """Return the writes and events that bring the statuses of pools, peers and advertisements up to date."""
    writes: list[StatusWrite] = []
    events: list[EventDraft] = []
    for report in _reports(cluster, rules, _Findings(rules.invalid), _Findings(warnings), allocation):
        before = parse_status(type(report.status), report.resource.status)
        written = conditions(before.conditions, report.conditions, now)
        whole = {"observed_generation": report.resource.generation, "conditions": written}
        patch = status_patch(report.resource.status, report.status.model_copy(update=whole))
        if patch:
            writes.append(status_write(report.kind, report.resource, patch))
            events.extend(_events(report, before))
    return Changes(tuple(writes), tuple(events))


def _reports(
    cluster: Cluster, rules: Rules, invalid: _Findings, warnings: _Findings, allocation: Allocation
) -> Iterator[_Report]:
    active_pools = {pool.name for pool in rules.pools}
    for pool in cluster.pools.values():
        ready = invalid.verdict("IPAddressPool", pool, ConditionType.READY, Reason.ACCEPTED)
        more = [_effective(warnings, "IPAddressPool", pool)] if pool.name in active_pools else []
        yield _Report("IPAddressPool", pool, _pool_status(pool, allocation), ready, (ready, *more))
    active_peers = {peer.name for peer in rules.peers}
    for peer, sessions in peer_sessions(cluster, rules.peers):
        more = [_effective(warnings, "BGPPeer", peer)] if peer.name in active_peers else []
        yield _peer_report(peer, sessions, invalid, more)
    for advertisement in cluster.advertisements.values():
        ready = invalid.verdict("BGPAdvertisement", advertisement, ConditionType.READY, Reason.ACCEPTED)
        more = [_effective(warnings, "BGPAdvertisement", advertisement)] if advertisement.spec else []
        status = _advertisement_status(advertisement)
        yield _Report("BGPAdvertisement", advertisement, status, ready, (ready, *more))
    for lan in cluster.l2_advertisements.values():
        ready = invalid.verdict("L2Advertisement", lan, ConditionType.READY, Reason.ACCEPTED)
        more = [_effective(warnings, "L2Advertisement", lan)] if lan.spec else []
        yield _Report("L2Advertisement", lan, _l2_status(lan), ready, (ready, *more))
    for names in cluster.communities.values():
        ready = invalid.verdict("Community", names, ConditionType.READY, Reason.ACCEPTED)
        yield _Report("Community", names, CommunityStatus(), ready, (ready,))


def _effective(warnings: _Findings, kind: str, resource: CustomResource) -> DesiredCondition:
    return warnings.verdict(kind, resource, ConditionType.EFFECTIVE, Reason.NO_WARNINGS)


def _peer_report(peer: Peer, sessions: PeerSessions, invalid: _Findings, more: list[DesiredCondition]) -> _Report:
    accepted = invalid.verdict("BGPPeer", peer, ConditionType.ACCEPTED, Reason.ACCEPTED)
    established = established_condition(sessions)
    ready = ready_condition(sessions, accepted, established)
    return _Report("BGPPeer", peer, peer_status(sessions), accepted, (ready, accepted, established, *more))


def _pool_status(pool: Pool, allocation: Allocation) -> IPAddressPoolStatus:
    use = {family: allocation.use.get((pool.name, family)) for family in (Family.IPV4, Family.IPV6)}
    return IPAddressPoolStatus(
        ipv4=_family_use(use[Family.IPV4]),
        ipv6=_family_use(use[Family.IPV6]),
        usage=" ".join(_usage(count) for count in use.values() if count) or None,
        addresses=shorten_names(list(pool.spec.addresses), SHOWN_NAMES) if pool.spec else None,
    )


def _family_use(use: PoolUse | None) -> FamilyUse | None:
    if use is None:
        return None
    counts = (use.capacity, use.assigned, max(0, use.capacity - use.assigned))
    capacity, assigned, available = (min(count, HIGHEST) for count in counts)
    return FamilyUse(capacity=capacity, assigned=assigned, available=available)


def _usage(use: PoolUse) -> str:
    return f"{use.assigned}/{shorten_count(use.capacity)}"


def _advertisement_status(advertisement: Advertisement) -> BGPAdvertisementStatus:
    spec = advertisement.spec
    if spec is None:
        return BGPAdvertisementStatus()
    return BGPAdvertisementStatus(
        pools=_selection(spec.ip_address_pools, spec.ip_address_pool_selectors),
        peers=_selection(spec.peers, spec.peer_selectors),
        communities=shorten_names(list(spec.communities), SHOWN_NAMES)[:LONGEST_CELL] or None,
    )


def _l2_status(advertisement: L2Advertisement) -> L2AdvertisementStatus:
    spec = advertisement.spec
    if spec is None:
        return L2AdvertisementStatus()
    return L2AdvertisementStatus(
        pools=_selection(spec.ip_address_pools, spec.ip_address_pool_selectors),
        interfaces=shorten_names(list(spec.interfaces), SHOWN_NAMES)[:LONGEST_CELL] or "*",
    )


def _selection(names: tuple[str, ...], selectors: tuple[LabelSelector, ...]) -> str:
    """Return a cell that names what is selected: names, `by labels`, or `*` for everything."""
    shown = [*names, *(["by labels"] if selectors else [])]
    return shorten_names(shown, SHOWN_NAMES)[:LONGEST_CELL] or "*"


def _events(report: _Report, before: Status) -> Iterator[EventDraft]:
    """Yield one event when a spec becomes wrong, or wrong in another way; when sessions come up, go down, or flap."""
    current = find_condition(before.conditions, report.validity.type)
    said = (current.reason, current.message) if current else None
    if report.validity.status == "False" and said != (report.validity.reason.value, report.validity.message):
        yield _event(report, report.validity, "Warning", "Validate")
    elif isinstance(report.status, BGPPeerStatus) and isinstance(before, BGPPeerStatus):
        (established,) = (wanted for wanted in report.conditions if wanted.type is ConditionType.ESTABLISHED)
        if sessions_changed(before, report.status) or begins_to_flap(before, established):
            is_well = established.reason is Reason.ALL_ESTABLISHED
            yield _event(report, established, "Normal" if is_well else "Warning", "Connect")


def _event(report: _Report, condition: DesiredCondition, kind: Literal["Normal", "Warning"], action: str) -> EventDraft:
    resource, after = report.resource, ObjectKey(report.kind, None, report.resource.name)
    reason, message = condition.reason.value, condition.message
    return EventDraft(report.kind, API_VERSION, None, resource.name, resource.uid, kind, reason, message, action, after)
