"""Reports annotations of Services for attributes of their routes that have no effect. Pure.

An override needs an advertisement that selects the Service and allows it; only host routes carry it.
"""

from collections.abc import Iterator

from exalb.allocation.outcome import Outcome
from exalb.analysis.warnings import internal_of
from exalb.announcement.advertisements import advertises_to
from exalb.api.reasons import Reason, Refusal
from exalb.api.schema import any_matches
from exalb.model.cluster import AttributeOverrides, Cluster, Node, Service
from exalb.model.service_annotations import AS_PATH_PREPEND, LOCAL_PREF
from exalb.validation.advertisements import ActiveAdvertisement, selects_pool
from exalb.validation.override_limits import ANNOTATIONS, accepted_part, allows_overrides, refused_value
from exalb.validation.peers import ActivePeer, is_for
from exalb.validation.pools import ActivePool
from exalb.validation.rules import Rules
from exalb_bgp.rib import Address

_NOT_ALLOWED = "no BGPAdvertisement that selects the Service has allowServiceOverrides or serviceOverrides"


class OverridePolicy:
    """The advertisements that accept attribute overrides, from which Services and for which peers."""

    def __init__(self, cluster: Cluster, rules: Rules) -> None:
        self._names = rules.names
        self._pools = {pool.name: pool for pool in rules.pools}
        self._allowing = [item for item in rules.advertisements if allows_overrides(item.spec)]
        sessions = _wanted_sessions(cluster, rules) if self._allowing else []
        self._reaching = {
            advertisement.name
            for advertisement in self._allowing
            if not sessions or any(advertises_to(advertisement, peer, node) for peer, node in sessions)
        }
        """Those that reach a session; all of them while there is no session yet."""
        self._internal = {item.name: internal_of(item, cluster, rules) for item in self._allowing}

    def remarks(self, service: Service, outcome: Outcome | None) -> tuple[Refusal, ...]:
        """Return the remarks on the Service's annotations: those of the parser, and overrides without effect."""
        overrides = service.request.overrides
        if overrides is None or overrides.problem or outcome is None or not outcome.addresses:
            return service.request.remarks
        return (*service.request.remarks, *self._remarks(service, overrides, outcome))

    def _remarks(self, service: Service, overrides: AttributeOverrides, outcome: Outcome) -> Iterator[Refusal]:
        homes = [(address, self._pools[name]) for address, name in zip(outcome.addresses, outcome.pools, strict=True)]
        selecting = [item for item in self._allowing if any(_selects(item, service, pool) for _, pool in homes)]
        with_host_routes = [item for item in selecting if any(_has_host_route(item, service, *home) for home in homes)]
        reaching = [item for item in with_host_routes if item.name in self._reaching]
        if not reaching:
            yield _without_effect(_requested(overrides), _why_not(selecting, with_host_routes))
            return
        accepted = {item.name: accepted_part(item.spec, overrides) for item in reaching}
        if unlisted := _requested(overrides) - set[str]().union(*map(_requested, accepted.values())):
            why = f"serviceOverrides of BGPAdvertisement {reaching[0].name} does not list the attribute"
            yield _without_effect(unlisted, why)
        refused = (refused_value(item.spec, item.name, accepted[item.name], self._names) for item in reaching)
        yield from filter(None, refused)
        internal = set[bool]().union(*(self._internal[item.name] for item in reaching))
        if overrides.local_pref is not None and LOCAL_PREF not in unlisted and internal == {False}:
            yield _without_effect({LOCAL_PREF}, "it is sent to iBGP peers only (RFC 4271), and all are eBGP peers")
        if overrides.as_path_prepend and AS_PATH_PREPEND not in unlisted and internal == {True}:
            yield _without_effect({AS_PATH_PREPEND}, "it is sent to eBGP peers only (RFC 4271), and all are iBGP peers")


def _requested(overrides: AttributeOverrides) -> set[str]:
    """Return the annotations of the attributes that have a value."""
    return {name for field, name in ANNOTATIONS.items() if getattr(overrides, field) is not None}


def _without_effect(annotations: set[str], why: str) -> Refusal:
    names = [name for name in ANNOTATIONS.values() if name in annotations]
    message = f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} no effect: {why}"
    return Refusal(Reason.ANNOTATION_WITHOUT_EFFECT, message)


def _why_not(selecting: list[ActiveAdvertisement], with_host_routes: list[ActiveAdvertisement]) -> str:
    """Say why no route carries the overrides; `with_host_routes` are those of `selecting` that announce host routes."""
    if with_host_routes:
        name = with_host_routes[0].name
        return f"BGPAdvertisement {name} allows it but selects no session: see its peers and nodeSelectors"
    if selecting:
        return (
            f"BGPAdvertisement {selecting[0].name} allows it but announces aggregates only: see its aggregationLength"
        )
    return _NOT_ALLOWED


def _wanted_sessions(cluster: Cluster, rules: Rules) -> list[tuple[ActivePeer, Node]]:
    """Return each peer and each node that opens a session with it."""
    return [(peer, node) for peer in rules.peers for node in cluster.nodes.values() if is_for(peer, node)]


def _selects(advertisement: ActiveAdvertisement, service: Service, pool: ActivePool) -> bool:
    spec = advertisement.spec
    return selects_pool(spec, pool.name, pool.labels) and any_matches(spec.service_selectors, service.labels)


def _has_host_route(advertisement: ActiveAdvertisement, service: Service, address: Address, pool: ActivePool) -> bool:
    spec = advertisement.spec
    length = spec.aggregation_length if address.version == 4 else spec.aggregation_length_v6
    return length == address.max_prefixlen and _selects(advertisement, service, pool)
