"""Warnings about L2Advertisements: selectors that match nothing, and interfaces that no node has. Pure."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_interface

from exalb.api.l2 import L2Report
from exalb.api.reasons import Finding, Reason
from exalb.api.schema import any_matches
from exalb.api.shorten import shorten_names
from exalb.model.cluster import Cluster
from exalb.validation.advertisements import selects_pool
from exalb.validation.l2_advertisements import ActiveL2Advertisement
from exalb.validation.pools import ActivePool
from exalb.validation.rules import Rules

_SHOWN = 3


def l2_warnings(cluster: Cluster, rules: Rules) -> Iterator[Finding]:
    """Yield the settings of L2Advertisements that have no effect, in order of name."""
    for advertisement in rules.l2_advertisements:
        spec, name = advertisement.spec, advertisement.name
        for field, selectors, kind, objects in (
            ("ipAddressPoolSelectors", spec.ip_address_pool_selectors, "IPAddressPool", cluster.pools),
            ("nodeSelectors", spec.node_selectors, "Node", cluster.nodes),
        ):
            if selectors and objects and not any(any_matches(selectors, item.labels) for item in objects.values()):
                message = f"no {kind} matches this selector: fix the selector or the labels"
                yield _of(name, field, Reason.SELECTS_NOTHING, message)
        if cluster.speakers:
            yield from _of_nodes(advertisement, cluster, rules)


def _of_nodes(advertisement: ActiveL2Advertisement, cluster: Cluster, rules: Rules) -> Iterator[Finding]:
    """Yield what does not fit the interfaces that nodes report."""
    spec, name = advertisement.spec, advertisement.name
    reports = [
        report.observed.l2
        for node, report in sorted(cluster.speakers.items())
        if node in cluster.nodes and report.observed.l2 and any_matches(spec.node_selectors, cluster.nodes[node].labels)
    ]
    if not reports:
        message = "L2 runs on no selected node: set speaker.l2.enabled to true in the values of the chart"
        yield _of(name, "nodeSelectors", Reason.L2_NOT_RUNNING, message)
        return
    known = {interface.name for report in reports for interface in report.interfaces}
    for interface in spec.interfaces:
        if interface not in known:
            message = (
                f"no selected node has an interface {interface} with an address of a subnet: there is {_list(known)}"
            )
            yield _of(name, "interfaces", Reason.NO_INTERFACE, message)
    if spec.interfaces:
        return
    for pool in rules.pools:
        if selects_pool(spec, pool.name, pool.labels) and not _is_on_a_lan(pool, reports):
            message = (
                f"no selected node has an interface in a subnet with addresses of pool {pool.name}, so no host asks"
                " for them there: use addresses of such a subnet, or name the interfaces"
            )
            yield _of(name, "ipAddressPools", Reason.NO_INTERFACE, message)


def _is_on_a_lan(pool: ActivePool, reports: Iterable[L2Report]) -> bool:
    subnets = [
        ip_interface(text).network
        for report in reports
        for interface in report.interfaces
        for text in interface.addresses
    ]
    return any(
        part.version == subnet.version and part.low <= subnet.broadcast_address and subnet.network_address <= part.high  # type: ignore[operator]
        for part in pool.merged
        for subnet in subnets
    )


def _list(names: Iterable[str]) -> str:
    return shorten_names(sorted(names), _SHOWN) or "none"


def _of(name: str, field: str, reason: Reason, message: str) -> Finding:
    return Finding("L2Advertisement", name, f"spec.{field}", reason, message)
