"""Which custom resources are in force, and what is wrong with the others, as far as only the whole cluster shows. Pure.

An object that is wrong is out of force alone: nothing here looks at an object's neighbours except to name the one that
stands in its way. The older of two that exclude each other stays (by creation, then by name).
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from exalb.addresses import AddressRange
from exalb.cluster import Advertisement, Cluster
from exalb.communities import AnyCommunity, read_community
from exalb.naming import mean, meanings, unknown
from exalb.owners import Owner, owners
from exalb.peering import PeerInForce, owners_of, peers_in_force
from exalb.reasons import Invalid, Reason, Refusal
from exalb.resources.advertisement import BGPAdvertisementSpec
from exalb.resources.pool import IPAddressPoolSpec
from exalb_bgp.rib import Address, Prefix


@dataclass(frozen=True, slots=True)
class PoolInForce:
    """A pool that gives addresses."""

    name: str
    labels: Mapping[str, str]
    spec: IPAddressPoolSpec
    merged: tuple[AddressRange, ...]
    """The pool's addresses as the fewest ranges, but for those of the cluster's own Service ranges."""
    taken: Mapping[Address, Owner]
    """Addresses of the pool that nodes or routers have; they are never given away."""

    def has(self, address: Address) -> bool:
        """Tell whether `address` is one of the pool's."""
        return any(address in part for part in self.merged)

    def refusal(self, address: Address) -> Refusal | None:
        """Tell why no Service may have this address of the pool, or None."""
        owner = self.taken.get(address)
        return Refusal(Reason.ADDRESS_IN_USE, f"{address} is {owner.text}") if owner else None

    def covers(self, prefix: Prefix) -> bool:
        """Tell whether every address of `prefix` is the pool's."""
        return any(part.covers(prefix) for part in self.merged)


class PoolIndex:
    """Finds the pool in force that has an address."""

    def __init__(self, pools: Iterable[PoolInForce]) -> None:
        ranges = ((part.version, part.first, part.last, pool) for pool in pools for part in pool.merged)
        self._ranges: list[tuple[int, int, int, PoolInForce]] = sorted(ranges, key=lambda entry: entry[:2])

    def find(self, address: Address) -> PoolInForce | None:
        """Return the pool that has `address`."""
        at: tuple[int, int] = (address.version, int(address))
        index = bisect_right(self._ranges, at, key=lambda entry: entry[:2]) - 1
        if index < 0:
            return None
        version, _, last, pool = self._ranges[index]
        return pool if version == address.version and at[1] <= last else None


@dataclass(frozen=True, slots=True)
class AdvertisementInForce:
    """An advertisement that selects."""

    name: str
    spec: BGPAdvertisementSpec
    communities: tuple[AnyCommunity, ...] | Refusal = ()
    """What `spec.communities` means, or why that is not known."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What decisions are made of, each kind in order of name, and what is wrong with the rest."""

    pools: tuple[PoolInForce, ...]
    peers: tuple[PeerInForce, ...]
    advertisements: tuple[AdvertisementInForce, ...]
    names: Mapping[str, AnyCommunity]
    """Communities by the names that Community resources give them."""
    invalid: tuple[Invalid, ...] = field(compare=False)
    """For people; no decision looks at it."""


EVERYTHING = AdvertisementInForce("", BGPAdvertisementSpec())
"""Stands in where there is no BGPAdvertisement at all: every pool to every peer as host routes."""


def in_force(cluster: Cluster) -> InForce:
    """Judge every custom resource by the whole cluster."""
    invalid = [
        mistake
        for kind in (cluster.pools, cluster.peers, cluster.advertisements, cluster.communities)
        for resource in kind.values()
        for mistake in resource.invalid
    ]
    pools = pools_in_force(cluster, invalid)
    peers = peers_in_force(cluster, owners_of(cluster.nodes), invalid)
    names = meanings(cluster.communities.values(), invalid)
    found = tuple(_advertisements(cluster, pools, names, invalid))
    return InForce(
        pools=pools,
        peers=tuple(sorted(peers, key=lambda peer: peer.name)),
        advertisements=found if cluster.advertisements else (EVERYTHING,),
        names=names,
        invalid=tuple(sorted(invalid, key=lambda found: (found.kind, found.name, found.field, found.message))),
    )


POOL_RULES = ("pools", "peers", "nodes", "service_ranges")
"""What decides which pools are in force, and how."""


def pools_in_force(cluster: Cluster, invalid: list[Invalid]) -> tuple[PoolInForce, ...]:
    """Judge the pools by the rest of the cluster, in order of name; note in `invalid` what is wrong with them."""
    standing: list[tuple[AddressRange, str]] = []
    found: list[PoolInForce] = []
    owned = owners(cluster.nodes, cluster.peers)
    for pool in sorted(cluster.pools.values(), key=lambda pool: pool.age):
        if pool.spec is None:
            continue
        clash = next(filter(None, (_overlap(part, standing) for part in pool.spec.ranges)), None)
        if clash:
            message = (
                f"{clash[0]} overlaps {clash[1]} of pool {clash[2]}, which was there first: give each address once"
            )
            invalid.append(Invalid("IPAddressPool", pool.name, "spec.addresses", Reason.POOL_OVERLAP, message))
            continue
        for part in pool.spec.ranges:
            insort(standing, (part, pool.name))
        merged = merge(pool.spec.ranges)
        for service_range in sorted(cluster.service_ranges.values(), key=lambda one: one.name):
            for part in service_range.ranges:
                if any(part.overlaps(mine) for mine in merged):
                    merged = tuple(rest for mine in merged for rest in mine.without(part))
                    invalid.append(_holds_cluster_ips(pool.name, part, service_range.name))
        taken = {address: owner for address, owner in owned.items() if any(address in part for part in merged)}
        found.append(PoolInForce(pool.name, pool.labels, pool.spec, merged, taken))
        invalid.extend(_flaws(found[-1]))
    return tuple(sorted(found, key=lambda pool: pool.name))


def _holds_cluster_ips(pool: str, part: AddressRange, service_range: str) -> Invalid:
    message = (
        f"{part} is where the cluster takes ClusterIPs from (ServiceCIDR {service_range}): no Service ever gets an "
        "address of it; leave it out of the pool"
    )
    return Invalid("IPAddressPool", pool, "spec.addresses", Reason.POOL_HOLDS_SERVICE_RANGE, message)


def never_given(pool: PoolInForce, reason: Reason) -> Iterator[Invalid]:
    """Yield the addresses of a pool that it does not give for this reason, each with whose it is."""
    for address, owner in sorted(pool.taken.items(), key=lambda one: (one[0].version, int(one[0]))):
        if owner.reason is reason:
            message = f"{address} is {owner.text}: no Service ever gets it; leave it out of the pool"
            yield Invalid("IPAddressPool", pool.name, "spec.addresses", reason, message)


def _flaws(pool: PoolInForce) -> Iterator[Invalid]:
    """Yield what is wrong with a pool that is in force all the same."""
    yield from never_given(pool, Reason.POOL_HOLDS_NODE)
    for index, reservation in enumerate(pool.spec.reservations):
        if not pool.has(ip_address(reservation.address)):
            message = f"{reservation.address} is not an address of the pool: reserve it where it is, or add it here"
            field = f"spec.reservations[{index}].address"
            yield Invalid("IPAddressPool", pool.name, field, Reason.RESERVATION_OUTSIDE, message)


def _overlap(part: AddressRange, standing: list[tuple[AddressRange, str]]) -> tuple[str, str, str] | None:
    """Return the range, the earlier one that it overlaps and that one's pool; `standing` is sorted and disjoint."""
    index = bisect_right(standing, (part.version, part.last), key=lambda entry: (entry[0].version, entry[0].first))
    if index and standing[index - 1][0].overlaps(part):
        earlier, name = standing[index - 1]
        return str(part), str(earlier), name
    return None


def merge(ranges: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """Return the same addresses as the fewest ranges, in order."""
    merged: list[AddressRange] = []
    for part in sorted(ranges):
        if merged and merged[-1].version == part.version and part.first <= merged[-1].last + 1:
            merged[-1] = AddressRange(part.version, merged[-1].first, max(part.last, merged[-1].last))
        else:
            merged.append(part)
    return tuple(merged)


def _advertisements(
    cluster: Cluster, pools: tuple[PoolInForce, ...], names: Mapping[str, AnyCommunity], invalid: list[Invalid]
) -> Iterator[AdvertisementInForce]:
    for name, advertisement in sorted(cluster.advertisements.items()):
        spec = advertisement.spec
        if spec is None:
            continue
        for pool in spec.ip_address_pools:
            if pool not in cluster.pools:
                message = f"there is no IPAddressPool {pool}: the advertisement goes on without it"
                invalid.append(_of(advertisement, "spec.ipAddressPools", Reason.UNKNOWN_POOL, message))
        for peer in spec.peers:
            if peer not in cluster.peers:
                message = f"there is no BGPPeer {peer}: the advertisement goes on without it"
                invalid.append(_of(advertisement, "spec.peers", Reason.UNKNOWN_PEER, message))
        asked = tuple(read_community(text) for text in spec.communities)
        for one in asked:
            if isinstance(one, str) and one not in names:
                message = f"{unknown(one)}; until then what should carry it is not told"
                invalid.append(_of(advertisement, "spec.communities", Reason.UNKNOWN_COMMUNITY, message))
        invalid.extend(_too_wide(advertisement, spec, pools))
        yield AdvertisementInForce(name, spec, mean(asked, names, f"BGPAdvertisement {name}"))


def _of(advertisement: Advertisement, field: str, reason: Reason, message: str) -> Invalid:
    return Invalid("BGPAdvertisement", advertisement.name, field, reason, message)


def selects_pool(spec: BGPAdvertisementSpec, name: str, labels: Mapping[str, str]) -> bool:
    """Tell whether an advertisement names or selects the pool; one that does neither selects all."""
    if not spec.ip_address_pools and not spec.ip_address_pool_selectors:
        return True
    named = name in spec.ip_address_pools
    return named or any(selector.matches(labels) for selector in spec.ip_address_pool_selectors)


def _too_wide(
    advertisement: Advertisement, spec: BGPAdvertisementSpec, pools: tuple[PoolInForce, ...]
) -> Iterator[Invalid]:
    lengths = {
        4: ("aggregationLength", spec.aggregation_length),
        6: ("aggregationLengthV6", spec.aggregation_length_v6),
    }
    for pool in pools:
        if not selects_pool(spec, pool.name, pool.labels):
            continue
        told: set[int] = set()
        for part in pool.merged:
            field, length = lengths[part.version]
            ends = (ip_network((end, length), strict=False) for end in (part.low, part.high))
            wider = next((end for end in ends if not part.covers(end)), None)
            if wider and part.version not in told:
                told.add(part.version)
                message = (
                    f"{wider} reaches beyond {part} of pool {pool.name}: addresses whose aggregate does are not told"
                )
                yield _of(advertisement, f"spec.{field}", Reason.AGGREGATE_PARTLY_OUTSIDE, message)
