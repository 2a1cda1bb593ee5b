"""Decides which BGPAdvertisements are active. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from exalb.api.advertisement import BGPAdvertisementSpec
from exalb.api.community_values import NAME, WELL_KNOWN, AnyCommunity, read_community
from exalb.api.l2_advertisement import L2AdvertisementSpec
from exalb.api.reasons import Finding, Reason, Refusal
from exalb.model.cluster import Advertisement
from exalb.validation.community_names import resolve_communities, unknown_community_message
from exalb.validation.inputs import RuleInputs
from exalb.validation.pools import ActivePool


@dataclass(frozen=True, slots=True)
class ActiveAdvertisement:
    """An advertisement that selects."""

    name: str
    spec: BGPAdvertisementSpec
    communities: tuple[AnyCommunity, ...] | Refusal = ()
    """The communities of the spec, or why they are unknown."""


EVERYTHING = ActiveAdvertisement("", BGPAdvertisementSpec())
"""The advertisement of a cluster that has no BGPAdvertisement: every pool to every peer as host routes."""


def active_advertisements(
    inputs: RuleInputs, pools: tuple[ActivePool, ...], names: Mapping[str, AnyCommunity]
) -> tuple[tuple[ActiveAdvertisement, ...], list[Finding]]:
    """Return the active advertisements in order of name, and what is wrong with them."""
    active: list[ActiveAdvertisement] = []
    findings: list[Finding] = []
    for name, advertisement in sorted(inputs.advertisements.items()):
        spec = advertisement.spec
        if spec is None:
            continue
        communities = tuple(read_community(text) for text in spec.communities)
        findings += _unknown_references(advertisement, spec, inputs)
        findings += _unknown_names(advertisement, spec, names)
        findings += _too_wide(advertisement, spec, pools)
        active.append(
            ActiveAdvertisement(name, spec, resolve_communities(communities, names, f"BGPAdvertisement {name}"))
        )
    return tuple(active), findings


def _unknown_references(
    advertisement: Advertisement, spec: BGPAdvertisementSpec, inputs: RuleInputs
) -> Iterator[Finding]:
    for pool in spec.ip_address_pools:
        if pool not in inputs.pools:
            message = f"IPAddressPool {pool} not found: the advertisement works without it"
            yield _of(advertisement, "spec.ipAddressPools", Reason.UNKNOWN_POOL, message)
    for peer in spec.peers:
        if peer not in inputs.peers:
            message = f"BGPPeer {peer} not found: the advertisement works without it"
            yield _of(advertisement, "spec.peers", Reason.UNKNOWN_PEER, message)


def _unknown_names(
    advertisement: Advertisement, spec: BGPAdvertisementSpec, names: Mapping[str, AnyCommunity]
) -> Iterator[Finding]:
    allowed = spec.service_overrides.communities if spec.service_overrides else ()
    for field, texts, effect in (
        ("communities", spec.communities, "the routes are withheld until then"),
        ("serviceOverrides.communities", allowed, "no Service can request it until then"),
    ):
        for text in texts:
            if re.fullmatch(NAME, text) and text not in WELL_KNOWN and text not in names:
                message = f"{unknown_community_message(text)}; {effect}"
                yield _of(advertisement, f"spec.{field}", Reason.UNKNOWN_COMMUNITY, message)


def _of(advertisement: Advertisement, field: str, reason: Reason, message: str) -> Finding:
    return Finding("BGPAdvertisement", advertisement.name, field, reason, message)


def selects_pool(spec: BGPAdvertisementSpec | L2AdvertisementSpec, name: str, labels: Mapping[str, str]) -> bool:
    """Return whether an advertisement names or selects the pool; one that does neither selects all."""
    if not spec.ip_address_pools and not spec.ip_address_pool_selectors:
        return True
    named = name in spec.ip_address_pools
    return named or any(selector.matches(labels) for selector in spec.ip_address_pool_selectors)


def _too_wide(
    advertisement: Advertisement, spec: BGPAdvertisementSpec, pools: tuple[ActivePool, ...]
) -> Iterator[Finding]:
    lengths = {
        4: ("aggregationLength", spec.aggregation_length),
        6: ("aggregationLengthV6", spec.aggregation_length_v6),
    }
    for pool in pools:
        if not selects_pool(spec, pool.name, pool.labels):
            continue
        reported: set[int] = set()
        for part in pool.merged:
            field, length = lengths[part.version]
            ends = (ip_network((end, length), strict=False) for end in (part.low, part.high))
            wider = next((end for end in ends if not part.covers(end)), None)
            if wider and part.version not in reported:
                reported.add(part.version)
                message = (
                    f"{wider} reaches beyond {part} of pool {pool.name}: addresses in such an aggregate are withheld"
                )
                yield _of(advertisement, f"spec.{field}", Reason.AGGREGATE_PARTLY_OUTSIDE, message)
