"""Selects the BGPAdvertisements that apply to a Service's address and a peer. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from exalb.announcement.eligibility import Candidate
from exalb.api.advertisement import BGPAdvertisementSpec
from exalb.api.reasons import Reason, Refusal
from exalb.api.schema import any_matches
from exalb.model.cluster import NOTHING, Key, Node
from exalb.validation.advertisements import ActiveAdvertisement, selects_pool
from exalb.validation.peers import ActivePeer
from exalb_bgp.rib import Prefix


class Contribution(NamedTuple):
    """One advertisement that selects one address of one Service, as part of `prefix`."""

    prefix: Prefix
    advertisement: ActiveAdvertisement
    candidate: Candidate

    @property
    def service(self) -> Key:
        """The key of the Service."""
        return self.candidate.service.key


class Contributions(NamedTuple):
    """Everything that one Service contributes with one address to the routes of one peer."""

    parts: tuple[Contribution, ...]
    refused: Mapping[Prefix, Refusal]
    """The prefixes to which it contributes nothing: the host route where `parts` is empty, and aggregates beyond the
    pool."""
    candidate: Candidate


def selects_peer(spec: BGPAdvertisementSpec, peer: ActivePeer) -> bool:
    """Return whether an advertisement names or selects the peer; one that does neither selects all."""
    if not spec.peers and not spec.peer_selectors:
        return True
    return peer.name in spec.peers or any(selector.matches(peer.labels) for selector in spec.peer_selectors)


def advertises_to(advertisement: ActiveAdvertisement, peer: ActivePeer, node: Node) -> bool:
    """Return whether an advertisement applies to this peer on this node."""
    spec = advertisement.spec
    return any_matches(spec.node_selectors, node.labels) and selects_peer(spec, peer)


def contributions(candidate: Candidate, advertisements: Iterable[ActiveAdvertisement]) -> Contributions:
    """Return what a candidate contributes to the routes of a peer to which `advertisements` apply."""
    pool, service = candidate.pool, candidate.service
    if candidate.refusal or pool is None:
        refused = {candidate.prefix: candidate.refusal} if candidate.refusal else {}
        return Contributions((), refused, candidate)
    parts: list[Contribution] = []
    too_wide: dict[Prefix, Refusal] = {}
    for advertisement in advertisements:
        spec = advertisement.spec
        if not selects_pool(spec, pool.name, pool.labels) or not any_matches(spec.service_selectors, service.labels):
            continue
        length = spec.aggregation_length if candidate.address.version == 4 else spec.aggregation_length_v6
        is_host = length == candidate.prefix.max_prefixlen
        prefix = candidate.prefix if is_host else candidate.prefix.supernet(new_prefix=length)
        if not is_host and not pool.covers(prefix):
            message = f"{prefix} of BGPAdvertisement {advertisement.name} reaches beyond pool {pool.name}"
            too_wide[prefix] = Refusal(Reason.AGGREGATE_TOO_WIDE, message)
            continue
        parts.append(Contribution(prefix, advertisement, candidate))
    if parts:
        return Contributions(tuple(parts), too_wide or NOTHING, candidate)
    message = f"no BGPAdvertisement selects {candidate.address} (Service {service.key}, pool {pool.name}) for this peer"
    none = Refusal(Reason.NO_MATCHING_ADVERTISEMENT, message)
    return Contributions((), {candidate.prefix: [none, *too_wide.values()][-1]}, candidate)
