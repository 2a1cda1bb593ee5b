"""What one peer is told of a prefix: the advertisements that select it, put together. Pure.

Several advertisements add up. An attribute that one leaves unset is no opinion; two that set it differently conflict,
and then nothing is told rather than one of them by chance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from exalb.cluster import AttributeOverrides, Key, Node, Service
from exalb.communities import AnyCommunity
from exalb.naming import mean
from exalb.peering import PeerInForce
from exalb.presence import Level, Presence
from exalb.reasons import Reason, Refusal
from exalb.resources.advertisement import BGPAdvertisementSpec
from exalb.resources.common import any_matches
from exalb.validity import AdvertisementInForce, selects_pool
from exalb_bgp.rib import (
    GRACEFUL_SHUTDOWN,
    Address,
    Attributes,
    Community,
    ExtendedCommunity,
    ExtendedKind,
    LargeCommunity,
    Prefix,
)
from exalb_bgp.session import Session

BYTES_PER_SECOND_AND_ENDPOINT = 1_250_000
"""What one endpoint counts in link bandwidth (10 Mbit/s); receivers look at the ratio only."""

AS_TRANS = 23456
"""Stands in a two-octet field for an AS number that does not fit (RFC 6793)."""


class Contribution(NamedTuple):
    """One advertisement that wants one address told, as part of `prefix`."""

    prefix: Prefix
    advertisement: AdvertisementInForce
    presence: Presence


@dataclass(frozen=True, slots=True)
class Route:
    """What a peer is told of one prefix."""

    attributes: Attributes
    services: tuple[str, ...]
    """The Services that it is told for, by key, sorted."""


def selects_peer(spec: BGPAdvertisementSpec, peer: PeerInForce) -> bool:
    """Tell whether an advertisement names or selects the peer; one that does neither selects all."""
    if not spec.peers and not spec.peer_selectors:
        return True
    return peer.name in spec.peers or any(selector.matches(peer.labels) for selector in spec.peer_selectors)


def advertises_to(advertisement: AdvertisementInForce, peer: PeerInForce, node: Node) -> bool:
    """Tell whether an advertisement is for this peer on this node."""
    spec = advertisement.spec
    return any_matches(spec.node_selectors, node.labels) and selects_peer(spec, peer)


def contributions(
    presence: Presence, advertisements: Iterable[AdvertisementInForce]
) -> tuple[tuple[Contribution, ...], Mapping[Prefix, Refusal]]:
    """Return what `presence` contributes to one peer's table, and to which prefixes it does not though it should.

    Where it contributes nothing at all, the host route stands for all of them.
    """
    pool, service = presence.pool, presence.service
    if presence.refusal or pool is None:
        return (), {presence.prefix: presence.refusal} if presence.refusal else {}
    found: list[Contribution] = []
    too_wide: dict[Prefix, Refusal] = {}
    for advertisement in advertisements:
        spec = advertisement.spec
        if not selects_pool(spec, pool.name, pool.labels) or not any_matches(spec.service_selectors, service.labels):
            continue
        length = spec.aggregation_length if presence.address.version == 4 else spec.aggregation_length_v6
        is_host = length == presence.prefix.max_prefixlen
        prefix = presence.prefix if is_host else presence.prefix.supernet(new_prefix=length)
        if not pool.covers(prefix):
            message = f"{prefix}, asked for by BGPAdvertisement {advertisement.name}, reaches beyond pool {pool.name}"
            too_wide[prefix] = Refusal(Reason.AGGREGATE_TOO_WIDE, message)
            continue
        found.append(Contribution(prefix, advertisement, presence))
    if found:
        return tuple(found), too_wide
    message = f"no BGPAdvertisement tells {service.key}, {presence.address} of pool {pool.name}, to this peer"
    none = Refusal(Reason.NO_MATCHING_ADVERTISEMENT, message)
    return (), {presence.prefix: [none, *too_wide.values()][-1]}


def merge(
    parts: list[Contribution], session: Session, next_hop: Address | None, names: Mapping[str, AnyCommunity]
) -> Route | Refusal:
    """Put together what the peer is told of one prefix; `parts` are all for that prefix and not empty.

    `names` are those of communities.
    """
    spoken = _distinct(parts)
    best = min(parts, key=_rank).presence
    is_host = parts[0].prefix.num_addresses == 1
    opinions = [_opinion(part.advertisement, part.presence.service if is_host else None, names) for part in spoken]
    problem = next((opinion for opinion in opinions if isinstance(opinion, Refusal)), None)
    if problem:
        return problem
    settled = [opinion.carried_by(session) for opinion in opinions if isinstance(opinion, _Opinion)]
    clash = _conflict(settled, parts[0].prefix)
    if clash:
        return clash
    communities = {community for opinion in settled for community in opinion.communities}
    if best.level is Level.DRAINING:
        communities.add(GRACEFUL_SHUTDOWN)
    asks = any(part.advertisement.spec.weight == "Endpoints" for part in parts if part.presence is best)
    if is_host and best.weight and asks:
        communities.add(_bandwidth(session.local_asn, best.weight))
    attributes = Attributes(
        next_hop=next_hop,
        local_pref=_value([opinion.local_pref for opinion in settled]),
        med=_value([opinion.med for opinion in settled]),
        as_path_prepend=_value([opinion.as_path_prepend for opinion in settled]) or 0,
        communities=tuple(sorted(one for one in communities if isinstance(one, Community))),
        large_communities=tuple(sorted(one for one in communities if isinstance(one, LargeCommunity))),
        extended_communities=tuple(
            sorted(
                (one for one in communities if isinstance(one, ExtendedCommunity)),
                key=lambda one: (one.kind.value, one.asn, one.value),
            )
        ),
    )
    return Route(attributes, tuple(sorted({str(part.presence.service.key) for part in parts})))


def _rank(part: Contribution) -> tuple[int, tuple[str, Key]]:
    """Sort those first of whom a node has more, and of equals the older."""
    return -part.presence.level, part.presence.service.age


def _distinct(parts: list[Contribution]) -> list[Contribution]:
    """Keep of each advertisement the part of the best Service that it selects: that one may override attributes."""
    first: dict[str, Contribution] = {}
    for part in sorted(parts, key=_rank):
        first.setdefault(part.advertisement.name, part)
    return [first[name] for name in dict.fromkeys(part.advertisement.name for part in parts)]


class _Opinion(NamedTuple):
    name: str
    local_pref: int | None
    med: int | None
    as_path_prepend: int | None
    communities: tuple[AnyCommunity, ...]
    asked: AttributeOverrides
    """What of it is not the advertisement's own, but the Service's."""
    service: str = ""
    """Whose annotations these are."""

    def says(self, field: str) -> str:
        """Tell people who wants which value."""
        asked = f" (asked for by {self.service})" if getattr(self.asked, field) is not None else ""
        return f"{self.name} says {getattr(self, field)}{asked}"

    def carried_by(self, session: Session) -> "_Opinion":
        """Leave out what such a session does not carry.

        LOCAL_PREF is told inside an AS only (RFC 4271 §5.1.5), and an AS puts itself into AS_PATH only towards others
        (§5.1.2): a peer that finds its own number there ignores the route.
        """
        return self._replace(as_path_prepend=None) if session.is_ibgp else self._replace(local_pref=None)


def _opinion(
    advertisement: AdvertisementInForce, service: Service | None, names: Mapping[str, AnyCommunity]
) -> _Opinion | Refusal:
    spec, communities = advertisement.spec, advertisement.communities
    overrides = service.request.overrides if service and spec.allow_service_overrides else None
    if service and overrides and overrides.problem:
        return Refusal(Reason.INVALID_REQUEST, overrides.problem)
    if service and overrides and overrides.communities is not None:
        communities = mean(overrides.communities, names, str(service.key))
    if isinstance(communities, Refusal):
        return communities
    overrides = overrides or AttributeOverrides()
    return _Opinion(
        advertisement.name,
        _either(overrides.local_pref, spec.local_pref),
        _either(overrides.med, spec.med),
        _either(overrides.as_path_prepend, spec.as_path_prepend),
        communities,
        overrides,
        str(service.key) if service else "",
    )


Value = TypeVar("Value")


def _either(first: Value | None, second: Value | None) -> Value | None:
    return second if first is None else first


def _value(values: list[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)


def _conflict(opinions: list[_Opinion], prefix: Prefix) -> Refusal | None:
    for field, label in (("local_pref", "localPref"), ("med", "med"), ("as_path_prepend", "asPathPrepend")):
        set_by = {getattr(one, field): one for one in reversed(opinions) if getattr(one, field) is not None}
        if len(set_by) > 1:
            said = " and ".join(one.says(field) for one in sorted(set_by.values(), key=lambda one: one.name))
            message = f"BGPAdvertisements disagree on {label} of {prefix}: {said}; nothing is told until they agree"
            return Refusal(Reason.CONFLICTING_ADVERTISEMENTS, message)
    return None


def _bandwidth(asn: int, weight: int) -> ExtendedCommunity:
    two_octets = asn if asn <= 65535 else AS_TRANS
    return ExtendedCommunity(ExtendedKind.LINK_BANDWIDTH, two_octets, weight * BYTES_PER_SECOND_AND_ENDPOINT)
