"""Decides which custom resources are active, and finds what is wrong with the others. Pure.

A wrong object is inactive alone: other objects stay active. Of two objects that exclude each other, the older one is
active (by creation time, then by name).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exalb.api.community_values import AnyCommunity
from exalb.api.reasons import Finding
from exalb.model.cluster import Cluster
from exalb.validation.advertisements import EVERYTHING, ActiveAdvertisement, active_advertisements
from exalb.validation.community_names import community_values
from exalb.validation.inputs import RuleInputs
from exalb.validation.l2_advertisements import ActiveL2Advertisement, active_l2_advertisements
from exalb.validation.peers import ActivePeer, active_peers
from exalb.validation.pools import ActivePool, active_pools
from exalb.validation.session_parameters import node_findings


@dataclass(frozen=True, slots=True)
class Rules:
    """The active resources, which all decisions use, and the findings about the others."""

    pools: tuple[ActivePool, ...] = ()
    """In order of name, as all others."""
    peers: tuple[ActivePeer, ...] = ()
    advertisements: tuple[ActiveAdvertisement, ...] = ()
    l2_advertisements: tuple[ActiveL2Advertisement, ...] = ()
    names: Mapping[str, AnyCommunity] = field(default_factory=dict)
    """Communities by the names that Community resources give them."""
    invalid: tuple[Finding, ...] = field(default=(), compare=False)
    """For people. Not compared: no decision uses it."""


def validate(cluster: Cluster) -> Rules:
    """Validate every custom resource against the whole cluster."""
    return _validate(RuleInputs.of(cluster))


class Validator:
    """`validate` with a memory: it returns the same object for as long as its inputs are the same objects."""

    def __init__(self) -> None:
        self._inputs: RuleInputs | None = None
        self._rules = Rules()

    def validate(self, cluster: Cluster) -> Rules:
        """Validate every custom resource against the whole cluster."""
        inputs = RuleInputs.of(cluster)
        if self._inputs:
            inputs = inputs.with_same_reports(self._inputs)
        if self._inputs is None or any(new is not old for new, old in zip(inputs, self._inputs, strict=True)):
            self._inputs, self._rules = inputs, _validate(inputs)
        return self._rules


def _validate(inputs: RuleInputs) -> Rules:
    schema_findings = (
        finding
        for kind in (
            inputs.pools,
            inputs.peers,
            inputs.advertisements,
            inputs.l2_advertisements,
            inputs.communities,
        )
        for resource in kind.values()
        for finding in resource.invalid
    )
    pools, pool_findings = active_pools(inputs)
    peers, peer_findings = active_peers(inputs)
    names, name_findings = community_values(inputs.communities.values())
    advertisements, advertisement_findings = active_advertisements(inputs, pools, names)
    l2_advertisements, l2_findings = active_l2_advertisements(inputs)
    findings = (
        *schema_findings,
        *pool_findings,
        *peer_findings,
        *node_findings(peers, inputs.nodes.values()),
        *name_findings,
        *advertisement_findings,
        *l2_findings,
    )
    return Rules(
        pools=pools,
        peers=tuple(sorted(peers, key=lambda peer: peer.name)),
        advertisements=advertisements if inputs.advertisements else (EVERYTHING,),
        l2_advertisements=l2_advertisements,
        names=names,
        invalid=tuple(sorted(findings, key=lambda item: (item.kind, item.name, item.field, item.message))),
    )
