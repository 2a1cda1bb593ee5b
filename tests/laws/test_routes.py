"""A prefix is told if and only if some advertisement and some Service want it; conflicts alone stand in between.

The rule stands here once more, in the plainest words, over the objects as they are written.
"""

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import assume, given

from exalb.manifests import picture
from exalb.reasons import Reason
from exalb.routes import RoutePlanner
from exalb.validity import in_force
from exalb_bgp.rib import Prefix
from tests.laws.making import identity
from tests.laws.strategies import advertisements, clusters
from tests.laws.worlds import settled
from tests.unit.objects import Object, planned

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


def by_name(objects: list[Object], kind: str) -> dict[str, Object]:
    """Return the objects of a kind."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def matches(selectors: list[Object] | None, raw: Object) -> bool:
    """Tell whether one of the label selectors that this test draws matches; none at all match everything."""
    labels = raw["metadata"].get("labels", {})
    for selector in selectors or ():
        wanted = selector.get("matchLabels", {})
        absent = [one["key"] for one in selector.get("matchExpressions", ())]
        if wanted.items() <= labels.items() and not labels.keys() & set(absent):
            return True
    return not selectors


def chosen(spec: Object, names: str, selectors: str, raw: Object) -> bool:
    """Tell whether names or selectors choose an object; where there are neither, all are chosen."""
    if not spec.get(names) and not spec.get(selectors):
        return True
    named = raw["metadata"]["name"] in (spec.get(names) or ())
    return named or (bool(spec.get(selectors)) and matches(spec[selectors], raw))


def wants(objects: list[Object], service: Object, address: str, node: Object) -> bool:
    """Tell whether a node can serve an address of a Service, now or for a little while."""
    unavailable = [one["status"] for one in node.get("status", {}).get("conditions") or ()]
    if EXCLUDED in node["metadata"].get("labels", {}) or "True" in unavailable:
        return False
    home, name = service["metadata"].get("namespace", ""), service["metadata"]["name"]
    for one in objects:
        if one["kind"] != "EndpointSlice" or one["metadata"].get("namespace", "") != home:
            continue
        if one["metadata"]["labels"]["kubernetes.io/service-name"] != name:
            continue
        if one["addressType"] != f"IPv{ip_address(address).version}":
            continue
        for found in one["endpoints"]:
            ready = found["conditions"].get("ready")
            able = ready is None or ready or found["conditions"].get("serving")
            is_local = service["spec"].get("externalTrafficPolicy") == "Local"
            if able and (not is_local or found["nodeName"] == node["metadata"]["name"]):
                return True
    return False


def wanted(objects: list[Object], node: Object, peer: Object) -> dict[Prefix, set[tuple[str, Prefix]]]:
    """Return the prefixes that some advertisement and some Service want told, and the Services with the host routes."""
    rules = in_force(picture(objects, "exalb-system")[0])
    pools, specs = by_name(objects, "IPAddressPool"), by_name(objects, "BGPAdvertisement")
    found: dict[Prefix, set[tuple[str, Prefix]]] = {}
    for service in (one for one in objects if one["kind"] == "Service" and is_ours(one)):
        for held in service["status"]["loadBalancer"]["ingress"]:
            if not wants(objects, service, held["ip"], node):
                continue
            address = ip_address(held["ip"])
            (pool,) = (one for one in rules.pools if one.has(address))
            for rule in rules.advertisements:
                spec: Any = specs[rule.name]["spec"] if rule.name else {}
                if (
                    chosen(spec, "ipAddressPools", "ipAddressPoolSelectors", pools[pool.name])
                    and matches(spec.get("serviceSelectors"), service)
                    and matches(spec.get("nodeSelectors"), node)
                    and chosen(spec, "peers", "peerSelectors", peer)
                ):
                    length = spec.get("aggregationLength", 32)
                    length = length if address.version == 4 else spec.get("aggregationLengthV6", 128)
                    prefix = ip_network((address, length), strict=False)
                    name = f"{service['metadata'].get('namespace') or 'default'}/{service['metadata']['name']}"
                    if pool.covers(prefix):
                        found.setdefault(prefix, set()).add((name, ip_network(address)))
    return found


def is_ours(service: Object) -> bool:
    """Tell whether a Service is for us to tell."""
    spec = service["spec"]
    return bool(spec["type"] == "LoadBalancer" and spec.get("loadBalancerClass", "exalb.io/bgp") == "exalb.io/bgp")


@given(clusters)
def test_told_is_wanted_and_wanted_is_told(objects: list[Object]) -> None:
    objects = settled(objects)
    cluster, _ = picture(objects, "exalb-system")
    nodes, peers = by_name(objects, "Node"), by_name(objects, "BGPPeer")
    for name in nodes:
        for router, session in RoutePlanner(name).plan(cluster).sessions.items():
            asked = wanted(objects, nodes[name], peers[router])
            asked = {prefix: of for prefix, of in asked.items() if prefix.version in carried(peers[router], peers)}
            told = set(session.routes)
            if session.session is None:
                assert not told
                continue
            assert told <= asked.keys()
            rows = {(str(key), prefix): refusal.reason for (key, prefix), refusal in session.withheld.items()}
            for prefix in asked.keys() - told:
                for service, host in asked[prefix]:
                    is_told = any(is_within(host, one) for one in told)
                    assert is_known(rows[service, prefix if is_told else host])


def carried(peer: Object, peers: dict[str, Object]) -> set[int]:
    """Return the versions of the families that a session carries."""
    template = peers.get(peer["spec"].get("template", ""), peer)
    families = peer["spec"].get("families") or template["spec"].get("families") or ["IPv4", "IPv6"]
    return {int(family[-1]) for family in families}


def is_known(reason: Reason) -> bool:
    """Tell whether a prefix that is wanted may be withheld for this reason."""
    known = (Reason.CONFLICTING_ADVERTISEMENTS, Reason.NO_NEXT_HOP, Reason.INVALID_REQUEST, Reason.UNKNOWN_COMMUNITY)
    return reason in known


@given(clusters)
def test_a_held_address_is_told_or_has_a_row(objects: list[Object]) -> None:
    objects = settled(objects)
    cluster, _ = picture(objects, "exalb-system")
    for name in cluster.nodes:
        for router, session in RoutePlanner(name).plan(cluster).sessions.items():
            for service in cluster.services.values():
                for address in service.held if cluster.is_ours(service) else ():
                    peers = by_name(objects, "BGPPeer")
                    is_carried = address.version in carried(peers[router], peers)
                    is_told = any(address in prefix for prefix in session.routes if prefix.version == address.version)
                    has_row = (service.key, ip_network(address)) in session.withheld
                    assert has_row <= is_carried
                    assert not is_carried or is_told or has_row


@given(clusters, advertisements)
def test_another_advertisement_takes_a_route_away_by_a_named_conflict_only(
    objects: list[Object], added: Object
) -> None:
    objects = [one for one in settled(objects) if identity(one) != identity(added)]
    assume(by_name(objects, "BGPAdvertisement"))
    before, after = sessions(objects), sessions([*objects, added])
    assert before.keys() == after.keys()
    for name, session in after.items():
        old = [(row["service"], row["prefix"]) for row in before[name]["withheld"]]
        # Who shares an address with one that is told has no row, and may have another reason when it is not.
        known = [row for row in session["withheld"] if is_known(Reason(row["reason"]))]
        new = [row for row in known if (row["service"], row["prefix"]) not in old]
        for lost in prefixes(before[name]["routes"]) - prefixes(session["routes"]):
            (found, *_) = (row for row in new if is_within(ip_network(row["prefix"]), lost))
            if found["reason"] == "ConflictingAdvertisements":
                assert f"{added['metadata']['name']} says" in found["message"]
            else:
                # What it asks for itself has no meaning, or it allows a Service's wish that has none.
                assert found["reason"] in ("InvalidRequest", "UnknownCommunity")
                assert added["spec"].get("allowServiceOverrides") or added["spec"].get("communities")


def is_within(one: Prefix, other: Prefix) -> bool:
    """Tell whether a prefix is another one, or a part of it."""
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


def sessions(objects: list[Object]) -> dict[tuple[str, str], Any]:
    """Return the sessions of a plan by node and peer."""
    nodes = planned(*objects)["nodes"]
    return {(node["name"], one["peer"]): one for node in nodes for one in node["sessions"]}


def prefixes(rows: list[Object]) -> set[Any]:
    """Return the prefixes of rows."""
    return {ip_network(row["prefix"]) for row in rows}
