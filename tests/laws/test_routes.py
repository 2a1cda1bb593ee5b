"""A prefix is announced if and only if an advertisement and a Service want it; only conflicts withhold it.

This module implements the rule a second time, in the simplest way, on the objects as they are written.
"""

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import assume, given

from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from exalb.model.address_record import managed_addresses
from exalb.validation.rules import validate
from exalb_bgp.rib import Prefix
from tests.laws.making import identity
from tests.laws.strategies import advertisements, clusters
from tests.laws.worlds import settled
from tests.support.decisions import plan_of
from tests.support.objects import Object, planned

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"


def by_name(objects: list[Object], kind: str) -> dict[str, Object]:
    """Return the objects of a kind."""
    return {raw["metadata"]["name"]: raw for raw in objects if raw["kind"] == kind}


def matches(selectors: list[Object] | None, raw: Object) -> bool:
    """Return whether one of the label selectors that this test draws matches; an empty list matches everything."""
    labels = raw["metadata"].get("labels", {})
    for selector in selectors or ():
        wanted = selector.get("matchLabels", {})
        absent = [requirement["key"] for requirement in selector.get("matchExpressions", ())]
        if wanted.items() <= labels.items() and not labels.keys() & set(absent):
            return True
    return not selectors


def chosen(spec: Object, names: str, selectors: str, raw: Object) -> bool:
    """Return whether names or selectors choose an object; without both, all are chosen."""
    if not spec.get(names) and not spec.get(selectors):
        return True
    named = raw["metadata"]["name"] in (spec.get(names) or ())
    return named or (bool(spec.get(selectors)) and matches(spec[selectors], raw))


def wants(objects: list[Object], service: Object, address: str, node: Object) -> bool:
    """Return whether a node has endpoints, ready or serving, for an address of a Service."""
    unavailable = [condition["status"] for condition in node.get("status", {}).get("conditions") or ()]
    if EXCLUDED in node["metadata"].get("labels", {}) or "True" in unavailable:
        return False
    home, name = service["metadata"].get("namespace", ""), service["metadata"]["name"]
    for endpoint_slice in objects:
        if endpoint_slice["kind"] != "EndpointSlice" or endpoint_slice["metadata"].get("namespace", "") != home:
            continue
        if endpoint_slice["metadata"]["labels"]["kubernetes.io/service-name"] != name:
            continue
        if endpoint_slice["addressType"] != f"IPv{ip_address(address).version}":
            continue
        ports = [
            (port.get("name", ""), port.get("protocol", "TCP")) for port in endpoint_slice["ports"] if port.get("port")
        ]
        asked = [("", port.get("protocol", "TCP")) for port in service["spec"].get("ports", ())]
        for endpoint in endpoint_slice["endpoints"] if not asked or set(ports) & set(asked) else ():
            ready = endpoint["conditions"].get("ready")
            able = ready is None or ready or endpoint["conditions"].get("serving")
            is_local = service["spec"].get("externalTrafficPolicy") == "Local"
            if able and (not is_local or endpoint["nodeName"] == node["metadata"]["name"]):
                return True
    return False


def wanted(objects: list[Object], node: Object, peer: Object) -> dict[Prefix, set[tuple[str, Prefix]]]:
    """Return the prefixes that advertisements and Services want announced, with the Services and their host routes."""
    rules = validate(snapshot_of(objects, "exalb-system")[0])
    pools, specs = by_name(objects, "IPAddressPool"), by_name(objects, "BGPAdvertisement")
    found: dict[Prefix, set[tuple[str, Prefix]]] = {}
    for service in (raw for raw in objects if raw["kind"] == "Service" and is_ours(raw)):
        for held in service["status"]["loadBalancer"]["ingress"]:
            if not wants(objects, service, held["ip"], node):
                continue
            address = ip_address(held["ip"])
            (pool,) = (pool for pool in rules.pools if pool.has(address))
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
    """Return whether ExaLB announces the Service: without a class, only if ExaLB has assigned its addresses."""
    spec = service["spec"]
    chosen_by = spec.get("loadBalancerClass", "exalb.io/bgp" if service["status"].get("conditions") else None)
    return bool(spec["type"] == "LoadBalancer" and chosen_by == "exalb.io/bgp")


@given(clusters)
def test_announced_prefixes_are_the_wanted_ones(objects: list[Object]) -> None:
    objects = settled(objects)
    cluster, _ = snapshot_of(objects, "exalb-system")
    nodes, peers = by_name(objects, "Node"), by_name(objects, "BGPPeer")
    for name in nodes:
        for router, session in plan_of(name, cluster).sessions.items():
            asked = wanted(objects, nodes[name], peers[router])
            asked = {prefix: of for prefix, of in asked.items() if prefix.version in carried(peers[router], peers)}
            announced = set(session.routes)
            if session.session is None:
                assert not announced
                continue
            assert announced <= asked.keys()
            rows = {(str(key), prefix): refusal.reason for (key, prefix), refusal in session.withheld.items()}
            for prefix in asked.keys() - announced:
                for service, host in asked[prefix]:
                    is_announced = any(is_within(host, other) for other in announced)
                    assert is_known(rows[service, prefix if is_announced else host])


def carried(peer: Object, peers: dict[str, Object]) -> set[int]:
    """Return the versions of the families that a session carries."""
    template = peers.get(peer["spec"].get("template", ""), peer)
    families = peer["spec"].get("families") or template["spec"].get("families") or ["IPv4", "IPv6"]
    return {int(family[-1]) for family in families}


def is_known(reason: Reason) -> bool:
    """Return whether a wanted prefix may be withheld for this reason."""
    return reason in (
        Reason.CONFLICTING_ADVERTISEMENTS,
        Reason.NO_NEXT_HOP,
        Reason.INVALID_REQUEST,
        Reason.UNKNOWN_COMMUNITY,
        Reason.TOO_MANY_COMMUNITIES,
        Reason.OVERRIDE_NOT_ALLOWED,
        Reason.ADDRESS_IN_USE,  # by the node itself, which its own routes would make unreachable
    )


@given(clusters)
def test_assigned_address_is_announced_or_withheld(objects: list[Object]) -> None:
    objects = settled(objects)
    cluster, _ = snapshot_of(objects, "exalb-system")
    for name in cluster.nodes:
        for router, session in plan_of(name, cluster).sessions.items():
            for service in cluster.services.values():
                for address in managed_addresses(service) if cluster.is_ours(service) else ():
                    peers = by_name(objects, "BGPPeer")
                    is_carried = address.version in carried(peers[router], peers)
                    is_announced = any(
                        address in prefix for prefix in session.routes if prefix.version == address.version
                    )
                    has_row = (service.key, ip_network(address)) in session.withheld
                    assert has_row <= is_carried
                    assert not is_carried or is_announced or has_row


@given(clusters, advertisements)
def test_new_advertisement_withholds_routes_only_with_a_reason(objects: list[Object], added: Object) -> None:
    objects = [raw for raw in settled(objects) if identity(raw) != identity(added)]
    assume(by_name(objects, "BGPAdvertisement"))
    before, after = sessions(objects), sessions([*objects, added])
    assert before.keys() == after.keys()
    for name, session in after.items():
        old = [(row["service"], row["prefix"]) for row in before[name]["withheld"]]
        # A Service that shares an announced address has no row, and may have another reason when it is not announced.
        known = [row for row in session["withheld"] if is_known(Reason(row["reason"]))]
        new = [row for row in known if (row["service"], row["prefix"]) not in old]
        for lost in prefixes(before[name]["routes"]) - prefixes(session["routes"]):
            (row, *_) = (row for row in new if is_within(ip_network(row["prefix"]), lost))
            if row["reason"] == "ConflictingAdvertisements":
                assert f"{added['metadata']['name']} (" in row["message"]
            else:
                # Its own settings are invalid, or it allows the override of a Service, which is invalid.
                assert row["reason"] in (
                    "InvalidRequest",
                    "UnknownCommunity",
                    "TooManyCommunities",
                    "OverrideNotAllowed",
                )
                assert added["spec"].get("allowServiceOverrides") or added["spec"].get("communities")


def is_within(prefix: Prefix, other: Prefix) -> bool:
    """Return whether a prefix is another one, or a part of it."""
    return prefix.version == other.version and prefix.subnet_of(other)  # type: ignore[arg-type]


def sessions(objects: list[Object]) -> dict[tuple[str, str], Any]:
    """Return the sessions of a plan by node and peer."""
    nodes = planned(*objects)["nodes"]
    return {(node["name"], session["peer"]): session for node in nodes for session in node["sessions"]}


def prefixes(rows: list[Object]) -> set[Any]:
    """Return the prefixes of rows."""
    return {ip_network(row["prefix"]) for row in rows}
