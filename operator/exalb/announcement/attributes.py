"""Decides the route of one prefix towards one peer: the advertisements that select it, combined. Pure.

Several advertisements add up: communities are a union, and an attribute that one leaves unset has no value there. Two
different values conflict.

Several Services may contribute to one prefix: they share an address, or an aggregate covers their addresses. None of
them may take the route away from another, so each is added to the Services before it, and one that does not fit is
refused alone:

    Services in order               contributions                                     result
    the first, and each after it    valid, and without conflict with those before     part of the route
                                    conflict with each other or with those before     ConflictingAdvertisements
                                    a community without a value                       UnknownCommunity
                                    annotations that cannot be read                   InvalidRequest
                                    too many communities with those before            TooManyCommunities

The order is: ready endpoints before draining ones, then the older Service. Without any Service there is no route.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import NamedTuple, TypeAlias

from exalb.announcement.advertisements import Contribution
from exalb.announcement.eligibility import EndpointState
from exalb.announcement.requested import RequestedAttributes, requested
from exalb.announcement.sessions import NextHop
from exalb.api.advertisement import MAX_COMMUNITIES
from exalb.api.community_values import AnyCommunity
from exalb.api.reasons import Reason, Refusal
from exalb.model.cluster import NOTHING, Key
from exalb_bgp.paths import shared
from exalb_bgp.rib import (
    GRACEFUL_SHUTDOWN,
    Address,
    Attributes,
    Community,
    ExtendedCommunity,
    ExtendedKind,
    LargeCommunity,
    is_host_route,
)
from exalb_bgp.session import Session

BYTES_PER_SECOND_AND_ENDPOINT = 1_250_000
"""The link bandwidth of one endpoint (10 Mbit/s); receivers use the ratio only."""

AS_TRANS = 23456
"""Takes the place of an AS number that does not fit into two octets (RFC 6793)."""

_EXCLUSIVE = (("local_pref", "localPref"), ("med", "med"), ("as_path_prepend", "asPathPrepend"))
"""Attributes that have one value, and their fields in an advertisement."""

_KINDS = {Community: "standard", LargeCommunity: "large", ExtendedCommunity: "extended"}


@dataclass(frozen=True, slots=True)
class Route:
    """The route of one prefix to one peer."""

    attributes: Attributes
    services: tuple[str, ...]
    """The Services for which it is announced, by key, sorted."""


class PrefixDecision(NamedTuple):
    """The decision about one prefix."""

    route: Route | None
    """None where every Service is refused."""
    refused: Mapping[Key, Refusal]
    """The Services that the route leaves out."""
    addresses: tuple[Address, ...]
    """The addresses that contribute to it, each once."""


Accepted: TypeAlias = Mapping[str, RequestedAttributes]
"""The attributes that are part of the route, by the name of the advertisement."""


def decide(
    parts: Iterable[Contribution], session: Session, next_hop: NextHop, names: Mapping[str, AnyCommunity]
) -> PrefixDecision:
    """Decide the route of one prefix from its contributions, of which there is at least one.

    `names` are the values of communities by name.
    """
    ordered = list(parts)
    if len(ordered) > 1:
        ordered.sort(key=_rank)
    accepted: Accepted = {}
    services: list[str] = []
    members: list[Contribution] = []
    refused: dict[Key, Refusal] = {}
    for service, group in groupby(ordered, key=lambda part: part.service):
        its = list(group)
        combined = _with(accepted, its, session, names)
        if isinstance(combined, Refusal):
            refused[service] = combined
            continue
        accepted = combined
        services.append(str(service))
        members.extend(its)
    addresses = _addresses(ordered)
    if not members:
        return PrefixDecision(None, refused, addresses)
    attributes = _attributes(accepted.values(), members, session, next_hop)
    return PrefixDecision(Route(shared(attributes), tuple(sorted(services))), refused or NOTHING, addresses)


def _addresses(parts: Iterable[Contribution]) -> tuple[Address, ...]:
    return tuple(dict.fromkeys(part.candidate.address for part in parts))


def refuse_all(parts: Iterable[Contribution], refusal: Refusal) -> PrefixDecision:
    """Return the decision that refuses all Services for one reason."""
    parts = list(parts)
    return PrefixDecision(None, {part.service: refusal for part in parts}, _addresses(parts))


def _rank(part: Contribution) -> tuple[int, tuple[str, Key], str]:
    return -part.candidate.state, part.candidate.service.age, part.advertisement.name


def _with(
    accepted: Accepted, parts: list[Contribution], session: Session, names: Mapping[str, AnyCommunity]
) -> Accepted | Refusal:
    """Add the contributions of one Service; an advertisement counts once, with the first Service that it selects."""
    added = {part.advertisement.name: part for part in parts if part.advertisement.name not in accepted}
    if not added:
        return accepted
    combined = dict(accepted)
    for name, part in added.items():
        its = requested(part, names)
        if isinstance(its, Refusal):
            return its
        combined[name] = its.carried_by(session)
    return _conflict(combined, parts[0]) or _too_many(combined, parts[0]) or combined


def _conflict(requests: Accepted, part: Contribution) -> Refusal | None:
    for field, label in _EXCLUSIVE if len(requests) > 1 else ():
        values = ((getattr(request, field), request) for request in requests.values())
        by_value = {value: request for value, request in values if value is not None}
        if len(by_value) > 1:
            both = " and ".join(
                request.describe(field, label)
                for request in sorted(by_value.values(), key=lambda request: request.name)
            )
            message = (
                f"BGPAdvertisements {both} conflict for {part.prefix}: it is not announced for Service {part.service}"
                " until they agree"
            )
            return Refusal(Reason.CONFLICTING_ADVERTISEMENTS, message)
    return None


def _too_many(requests: Accepted, part: Contribution) -> Refusal | None:
    if not any(request.communities for request in requests.values()):
        return None
    for kind, count in count_communities(request.communities for request in requests.values()):
        if count > MAX_COMMUNITIES:
            message = (
                f"{part.prefix} has {count} {kind} communities, and a route may have at most {MAX_COMMUNITIES}: it is"
                f" not announced for Service {part.service} until BGPAdvertisements {', '.join(sorted(requests))} or"
                " annotations of Services request fewer"
            )
            return Refusal(Reason.TOO_MANY_COMMUNITIES, message)
    return None


def count_communities(requests: Iterable[Iterable[AnyCommunity]]) -> Iterator[tuple[str, int]]:
    """Yield how many different communities of each kind requests contain together."""
    union = {community for request in requests for community in request}
    for kind, name in _KINDS.items():
        yield name, sum(isinstance(community, kind) for community in union)


def _attributes(
    requests: Iterable[RequestedAttributes], members: list[Contribution], session: Session, next_hop: NextHop
) -> Attributes:
    requests, best = list(requests), members[0].candidate
    communities = {community for request in requests for community in request.communities}
    if best.state is EndpointState.DRAINING:
        communities.add(GRACEFUL_SHUTDOWN)
    is_weighed = any(part.advertisement.spec.weight == "Endpoints" for part in members if part.candidate is best)
    if is_host_route(members[0].prefix) and best.weight and is_weighed:
        communities.add(_bandwidth(session.local_asn, best.weight))
    plain = Attributes(
        next_hop=next_hop.address,
        local_pref=_value(request.local_pref for request in requests),
        med=_value(request.med for request in requests),
        as_path_prepend=_value(request.as_path_prepend for request in requests) or 0,
    )
    return _with_communities(plain, communities) if communities else plain


def _with_communities(plain: Attributes, communities: Iterable[AnyCommunity]) -> Attributes:
    return replace(
        plain,
        communities=tuple(sorted(each for each in communities if isinstance(each, Community))),
        large_communities=tuple(sorted(each for each in communities if isinstance(each, LargeCommunity))),
        extended_communities=tuple(
            sorted(
                (each for each in communities if isinstance(each, ExtendedCommunity)),
                key=lambda each: (each.kind.value, each.asn, each.value),
            )
        ),
    )


def _value(values: Iterable[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)


def _bandwidth(asn: int, weight: int) -> ExtendedCommunity:
    two_octets = asn if asn <= 65535 else AS_TRANS
    return ExtendedCommunity(ExtendedKind.LINK_BANDWIDTH, two_octets, weight * BYTES_PER_SECOND_AND_ENDPOINT)
