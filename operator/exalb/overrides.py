"""What becomes of the annotations by which a Service asks for attributes of its routes. Pure.

They count where an advertisement that selects the Service allows it, and in host routes alone.
"""

from collections.abc import Iterator

from exalb.advertising import advertises_to
from exalb.choice import Outcome
from exalb.cluster import AttributeOverrides, Cluster, Node, Service
from exalb.effects import internal_of
from exalb.peering import PeerInForce, is_for
from exalb.reasons import Reason, Refusal
from exalb.requests import AS_PATH_PREPEND, COMMUNITIES, LOCAL_PREF, MED
from exalb.resources.common import any_matches
from exalb.validity import AdvertisementInForce, InForce, PoolInForce, selects_pool
from exalb_bgp.rib import Address

_ANNOTATIONS = {
    "communities": COMMUNITIES,
    "local_pref": LOCAL_PREF,
    "med": MED,
    "as_path_prepend": AS_PATH_PREPEND,
}
_NOT_ALLOWED = "no BGPAdvertisement that selects the Service has allowServiceOverrides"


class Hearing:
    """Which advertisements let which Services have a say, and towards whom."""

    def __init__(self, cluster: Cluster, rules: InForce) -> None:
        self._pools = {pool.name: pool for pool in rules.pools}
        self._allowing = [one for one in rules.advertisements if one.spec.allow_service_overrides]
        sessions = _sessions(cluster, rules) if self._allowing else []
        self._reaching = {
            one.name
            for one in self._allowing
            if not sessions or any(advertises_to(one, peer, node) for peer, node in sessions)
        }
        """Where no session is wanted yet, any may be for one that will be."""
        self._internal = {one.name: internal_of(one, cluster, rules) for one in self._allowing}

    def remarks(self, service: Service, outcome: Outcome | None) -> tuple[Refusal, ...]:
        """Return what is to be said of the Service's annotations: what was read of them, and what they change."""
        overrides = service.request.overrides
        if overrides is None or overrides.problem or outcome is None or not outcome.addresses:
            return service.request.remarks
        messages = self._in_vain(service, overrides, outcome)
        return service.request.remarks + tuple(Refusal(Reason.ANNOTATION_WITHOUT_EFFECT, one) for one in messages)

    def _in_vain(self, service: Service, overrides: AttributeOverrides, outcome: Outcome) -> Iterator[str]:
        asked = [name for field, name in _ANNOTATIONS.items() if getattr(overrides, field) is not None]
        homes = [(one, self._pools[name]) for one, name in zip(outcome.addresses, outcome.pools, strict=True)]
        heard = [one for one in self._allowing if any(_selects(one, service, pool) for _, pool in homes)]
        telling = [one for one in heard if any(_tells_host(one, service, *home) for home in homes)]
        hosts = [one for one in telling if one.name in self._reaching]
        if not hosts:
            why = _why_not(heard, telling)
            yield f"{' and '.join(asked)} {'has' if len(asked) == 1 else 'have'} no effect: {why}"
            return
        internal = set[bool]().union(*(self._internal[one.name] for one in hosts))
        if overrides.local_pref is not None and internal == {False}:
            yield f"{LOCAL_PREF} has no effect: it is for peers in the same AS (RFC 4271), and all are in another"
        if overrides.as_path_prepend and internal == {True}:
            yield f"{AS_PATH_PREPEND} has no effect: it is for peers in another AS (RFC 4271), and all are in the same"


def _why_not(heard: list[AdvertisementInForce], telling: list[AdvertisementInForce]) -> str:
    """Say why no route carries what is asked for; `telling` are those of `heard` that tell host routes."""
    if telling:
        return f"BGPAdvertisement {telling[0].name} allows it, and selects no session: see its peers and nodeSelectors"
    return f"BGPAdvertisement {heard[0].name} allows it, and tells aggregates alone" if heard else _NOT_ALLOWED


def _sessions(cluster: Cluster, rules: InForce) -> list[tuple[PeerInForce, Node]]:
    """Return which node is to have a session with which peer."""
    return [(peer, node) for peer in rules.peers for node in cluster.nodes.values() if is_for(peer, node)]


def _selects(advertisement: AdvertisementInForce, service: Service, pool: PoolInForce) -> bool:
    spec = advertisement.spec
    return selects_pool(spec, pool.name, pool.labels) and any_matches(spec.service_selectors, service.labels)


def _tells_host(advertisement: AdvertisementInForce, service: Service, address: Address, pool: PoolInForce) -> bool:
    spec = advertisement.spec
    length = spec.aggregation_length if address.version == 4 else spec.aggregation_length_v6
    return length == address.max_prefixlen and _selects(advertisement, service, pool)
