"""Broken situations of L2: objects in which one thing is wrong, and the first broken step of the answer about them."""

from ipaddress import IPv4Address
from typing import Any

from exalb.api.reasons import Reason
from exalb.model.local_node import Gateway, LocalNode
from exalb.report.l2 import l2_conditions
from exalb_bgp.session import Family
from exalb_l2.goal import Held, L2Status, Sysctls
from tests.support.objects import (
    Object,
    assigned_service,
    condition,
    endpoint,
    endpoints,
    l2_advertisement,
    l2_speaker,
    node,
    pool,
)
from tests.support.situation_titles import SILENT, Title
from tests.support.situations import Case

DEBUG = "nothing: a word in the speaker's log at level debug"
HEARTBEAT = "2026-01-31T07:59:00Z"
PACKED = {"announced": ["10.0.0.0/24 AAAAAAAAAAAAAAAAEA"], "addresses": 1}
"""The address 10.0.0.100 as a report has it."""
CONFLICT = {"conflicts": [{"address": "10.0.0.100", "mac": "02:aa:00:00:00:01"}]}


def on_lan(number: int, *conditions: Object, **l2: Any) -> list[Object]:
    """Return a node with L2, and its report of a minute ago."""
    ready = condition("Ready", "True", "EngineConnected", "")
    report = l2_speaker(
        f"n{number}", f"10.0.0.{number}/24", l2=l2, heartbeat=HEARTBEAT, conditions=[ready, *conditions]
    )
    return [node(f"n{number}", f"10.0.0.{number}"), report]


def without_l2(number: int) -> list[Object]:
    """Return a node without L2, and its report."""
    known, report = on_lan(number)
    return [known, {**report, "status": {key: value for key, value in report["status"].items() if key != "l2"}}]


def lan_world(**changes: Any) -> list[Object]:
    """Return two nodes on a LAN, with these objects changed, or left out if None; n1 announces where none is."""
    objects: dict[str, Any] = {
        "pool": pool("lan", "10.0.0.100-10.0.0.200", day=1),
        "advertisement": l2_advertisement("lan", day=1),
        "n1": on_lan(1) if changes else on_lan(1, **PACKED),
        "n2": on_lan(2),
        "service": assigned_service("shop/web", "10.0.0.100", day=2),
        "endpoints": endpoints("shop/web", endpoint("10.88.1.2", "n1")),
        **changes,
    }
    flat = [entry if isinstance(entry, list) else [entry] for entry in objects.values()]
    return [raw for entry in flat for raw in entry if raw]


def _kernel(status: L2Status, gateway: Gateway | None = None) -> Object:
    """Return the condition that the speaker of a node makes of settings of its kernel."""
    (found,) = l2_conditions(status, LocalNode(gateways={Family.IPV4: gateway} if gateway else {}))
    return condition(found.type.value, found.status, found.reason.value, found.message)


WEB = IPv4Address("10.0.0.100")
IPVS = _kernel(L2Status(True, local={WEB: "kube-ipvs0"}, sysctls={"eth0": Sysctls(0, 0)}))
STRICT = _kernel(
    L2Status(True, held={WEB: Held(("eth0",), 0.0)}, sysctls={"eth0": Sysctls(1, 1)}),
    Gateway(IPv4Address("192.0.2.1"), "eth1"),
)
R = Reason
OTHER: Any = {"matchLabels": {"lan": "other"}}
ELSEWHERE: Any = {"pool": pool("lan", "10.9.0.0/24", day=1), "service": assigned_service("shop/web", "10.9.0.1", day=2)}
NOT_READY = endpoints("shop/web", endpoint("10.88.1.2", "n1", ready=False))


def _advertising(id_: str, reason: Reason, says: str, **spec: Any) -> Case:
    return Case(id_, lan_world(advertisement=l2_advertisement("lan", day=1, **spec)), reason, "L2", says=says)


LAN_CASES = [
    _advertising("l2-interface-unknown", R.NO_INTERFACE, "interface eth7", interfaces=["eth7"]),
    Case("l2-other-subnet", lan_world(**ELSEWHERE), R.NO_INTERFACE, "L2", says="in a subnet with"),
    _advertising("l2-node-selectors", R.NO_INTERFACE, "nodeSelectors", nodeSelectors=[OTHER]),
    _advertising("l2-pool-selectors", R.NO_MATCHING_ADVERTISEMENT, "of lan", ipAddressPoolSelectors=[OTHER]),
    _advertising("l2-service-selectors", R.NO_MATCHING_ADVERTISEMENT, "serviceSelectors", serviceSelectors=[OTHER]),
    Case(
        "l2-host-has-the-address",
        lan_world(n1=on_lan(1, **CONFLICT)),
        R.ADDRESS_CONFLICT,
        "L2",
        says="02:aa:00:00:00:01",
    ),
    Case("l2-arp-not-strict", lan_world(n1=on_lan(1, IPVS, **PACKED)), R.ARP_NOT_STRICT, "L2", "node/n1", "strictARP"),
    Case("l2-reverse-path", lan_world(n1=on_lan(1, STRICT, **PACKED)), R.REVERSE_PATH_FILTER, "L2", "node/n1", "to 2"),
    Case("l2-off", lan_world(n1=without_l2(1), n2=without_l2(2)), R.L2_NOT_RUNNING, "L2", says="speaker.l2.enabled"),
    Case("l2-no-endpoint", lan_world(endpoints=NOT_READY), R.NO_READY_ENDPOINTS, "L2"),
    Case("l2-not-yet", lan_world(n1=on_lan(1)), R.NOT_ANNOUNCED, "L2", says="n1, n2 may announce it"),
]
LAN_TITLES = {
    "l2-interface-unknown": Title("no node has the interface of the L2Advertisement", "event announceFailed"),
    "l2-other-subnet": Title(
        "the pool is of another subnet than all interfaces of nodes", "it announces it all the same"
    ),
    "l2-node-selectors": Title("nodeSelectors of the L2Advertisement match no node", DEBUG),
    "l2-pool-selectors": Title("no L2Advertisement selects the pool, and there is no BGPPeer", DEBUG),
    "l2-host-has-the-address": Title("a host of the LAN has the address", "it announces it all the same"),
    "l2-arp-not-strict": Title(
        "kube-proxy in mode IPVS without strict ARP: all nodes answer", "nothing: its documents say it"
    ),
    "l2-reverse-path": Title("rp_filter drops packets of other subnets", SILENT),
    "l2-off": Title("the container l2 is not enabled", "has no such setting"),
    "l2-no-endpoint": Title("no endpoint is ready for an address on a LAN", DEBUG),
}
"""By the id of the situation; one without a title is a variant of another and has no row on the page."""
