"""Broken situations: objects in which one thing is wrong, and the first broken step of the answer about them."""

from dataclasses import dataclass, field
from typing import Any

from exalb.api.reasons import Reason
from exalb.model.lease import Lease
from tests.support.objects import (
    Object,
    advertisement,
    assigned_service,
    community,
    condition,
    endpoint,
    endpoints,
    node,
    peer,
    pool,
    service,
    wants,
)
from tests.support.observing import FLAPS, LEADS, down, session, speaker

EXCLUDED = {"node.kubernetes.io/exclude-from-external-load-balancers": ""}
FAMILIES: Any = {"ipFamilies": ["IPv6"]}
LOCAL: Any = {"externalTrafficPolicy": "Local"}


def world(**changes: Object | list[Object] | None) -> list[Object]:
    """Return a cluster in which all is well, with these objects changed, or left out if None."""
    objects: dict[str, Any] = {
        "pool": pool("main", "198.51.100.0/24", day=1),
        "peer": peer("tor", day=1),
        "n1": node("n1", "203.0.113.11"),
        "service": assigned_service("shop/web", "198.51.100.1", day=2),
        "endpoints": endpoints("shop/web", endpoint("10.88.1.2", "n1")),
        "speaker": speaker("n1"),
        **changes,
    }
    flat = [entry if isinstance(entry, list) else [entry] for entry in objects.values()]
    return [raw for entry in flat for raw in entry if raw]


def pending(*more: Any, **spec: Any) -> Object:
    """Return the Service without an address."""
    return service("shop/web", *more, day=2, **spec)


def ready(reason: str, message: str, status: str = "False") -> list[Object]:
    """Return a condition Ready of a BGPSpeaker."""
    return [condition("Ready", status, reason, message)]


def data_plane(reason: str) -> list[Object]:
    """Return the condition DataPlaneHealthy of a BGPSpeaker."""
    return [condition("DataPlaneHealthy", "False", reason, "kube-proxy is not healthy")]


def accepted(raw: Object, reason: str, message: str) -> Object:
    """Return a BGPPeer with the condition that the controller wrote."""
    return {**raw, "status": {"conditions": [condition("Accepted", "False", reason, message)]}}


@dataclass(frozen=True, slots=True)
class Case:
    """Objects, and the first broken step of the answer about a subject."""

    id: str
    objects: list[Object]
    reason: Reason
    hop: str
    subject: str = "service/shop/web"
    says: str = ""
    leader: Lease = field(default=LEADS)


WITH_KEY = peer("tor", day=1, passwordSecretRef={"name": "key"})
R = Reason
CASES = [
    Case("service-missing", world(service=None), R.SERVICE_NOT_FOUND, "Service"),
    Case("wrong-namespace", world(), R.SERVICE_NOT_FOUND, "Service", "service/other/web", says="shop/web"),
    Case("cluster-ip", world(service=pending(type="ClusterIP")), R.NOT_LOAD_BALANCER, "Service"),
    Case("other-class", world(service=pending(loadBalancerClass="x.io/y")), R.CLASS_NOT_OURS, "Service", says="x.io/y"),
    Case(
        "other-controller",
        world(service=pending("192.0.2.9")),
        R.ADDRESS_NOT_IN_POOL,
        "Service",
        says="another controller",
    ),
    Case("no-pool", world(pool=None, service=pending()), R.NO_MATCHING_POOL, "Address"),
    Case("pool-invalid", world(pool=pool("main", "banana"), service=pending()), R.NO_MATCHING_POOL, "Address"),
    Case(
        "pool-not-automatic",
        world(pool=pool("main", "198.51.100.0/24", autoAssign=False), service=pending()),
        R.NO_MATCHING_POOL,
        "Address",
    ),
    Case(
        "pool-selector-typo",
        world(pool=pool("main", "198.51.100.0/24", serviceAllocation={"namespaces": ["shpo"]}), service=pending()),
        R.NO_MATCHING_POOL,
        "Address",
    ),
    Case("pool-name-typo", world(service=pending(annotations=wants(pool="mian"))), R.POOL_NOT_FOUND, "Address"),
    Case(
        "pool-exhausted",
        world(
            pool=pool("main", "198.51.100.1/32"),
            service=[assigned_service("shop/old", "198.51.100.1", day=1), pending()],
        ),
        R.POOL_EXHAUSTED,
        "Address",
    ),
    Case(
        "pool-disabled",
        world(pool=pool("main", "198.51.100.0/24", disabled=True), service=pending()),
        R.POOL_DISABLED,
        "Address",
    ),
    Case(
        "quota",
        world(
            pool=pool("main", "198.51.100.0/24", quotaPerNamespace=1),
            service=[assigned_service("shop/old", "198.51.100.1", day=1), pending()],
        ),
        R.QUOTA_EXCEEDED,
        "Address",
    ),
    Case("family-missing", world(service=pending(**FAMILIES)), R.FAMILY_NOT_AVAILABLE, "Address"),
    Case(
        "address-taken",
        world(
            service=[
                assigned_service("shop/old", "198.51.100.7", day=1),
                pending(annotations=wants(addresses="198.51.100.7")),
            ]
        ),
        R.ADDRESS_IN_USE,
        "Address",
    ),
    Case(
        "address-outside",
        world(service=pending(annotations=wants(addresses="192.0.2.7"))),
        R.ADDRESS_NOT_IN_POOL,
        "Address",
    ),
    Case(
        "annotation-unreadable", world(service=pending(annotations=wants(addresses="x"))), R.INVALID_REQUEST, "Address"
    ),
    Case("no-leader", world(service=pending()), R.NO_LEADER, "Status", leader=Lease()),
    Case("not-written-yet", world(service=pending()), R.STATUS_OUTDATED, "Status"),
    Case("no-peer", world(peer=None, speaker=speaker("n1", session())), R.NO_PEER, "Peers"),
    Case(
        "peer-selects-no-node",
        world(peer=peer(nodeSelectors=[{"matchLabels": {"rack": "x"}}])),
        R.NO_PEER,
        "Peers",
        says="rack=x",
    ),
    Case("peer-invalid", world(peer=peer(holdTime="1s")), R.INVALID_SPEC, "Peers"),
    Case("peer-carries-other-family", world(peer=peer(families=["IPv6"])), R.NO_PEER, "Peers"),
    Case("secret-missing", world(peer=accepted(WITH_KEY, "SecretNotFound", "no")), R.SECRET_NOT_FOUND, "Peers"),
    Case("secret-unusable", world(peer=accepted(WITH_KEY, "SecretUnusable", "no")), R.SECRET_UNUSABLE, "Peers"),
    Case("template-missing", world(peer=peer(template="base")), R.TEMPLATE_NOT_FOUND, "Peers"),
    Case(
        "speaker-missing-and-gateway-unknown",
        world(peer=peer(peerAddress=None, peerAddressFrom={"defaultGateway": "IPv4"}), speaker=None),
        R.SPEAKER_MISSING,
        "Announcement",
    ),
    Case("speaker-missing", world(speaker=None), R.SPEAKER_MISSING, "Announcement"),
    Case(
        "speaker-silent",
        world(speaker=speaker("n1", age=400, conditions=ready("SpeakerNotReporting", "stale", "Unknown"))),
        R.SPEAKER_NOT_REPORTING,
        "Announcement",
    ),
    Case(
        "heartbeat-old",
        world(speaker=speaker("n1", age=400)),
        R.SPEAKER_NOT_REPORTING,
        "Announcement",
        says="since 2026-01-31T07:53:20Z",
        leader=Lease(),
    ),
    Case(
        "exabgp-dead",
        world(speaker=speaker("n1", conditions=ready("EngineNotConnected", "no answer"))),
        R.ENGINE_NOT_CONNECTED,
        "Announcement",
    ),
    Case("session-down", world(speaker=speaker("n1", down())), R.SESSIONS_DOWN, "Announcement", says="no TCP"),
    Case(
        "wrong-as",
        world(speaker=speaker("n1", down(error="NOTIFICATION sent to the peer: OPEN message error (bad peer AS)"))),
        R.SESSIONS_DOWN,
        "Announcement",
        says="bad peer AS",
    ),
    Case(
        "prefix-limit",
        world(speaker=speaker("n1", down(error="received NOTIFICATION: Cease / Maximum Number of Prefixes Reached"))),
        R.SESSIONS_DOWN,
        "Announcement",
        says="Maximum Number",
    ),
    Case(
        "family-not-negotiated",
        world(speaker=speaker("n1", session(sent=0, lastError="the peer did not negotiate IPv4 unicast"))),
        R.NOT_SENT,
        "Announcement",
        says="did not negotiate",
    ),
    Case(
        "session-flaps",
        world(speaker=speaker("n1", session(ended=FLAPS, endedBecause="the TCP connection was closed"))),
        R.SESSION_FLAPPING,
        "Sessions",
        says="the TCP connection was closed",
    ),
    Case("session-not-reported", world(speaker=speaker("n1", session("other"))), R.NOT_SENT, "Announcement"),
    Case("no-endpoint", world(endpoints=None), R.NO_READY_ENDPOINTS, "Announcement"),
    Case(
        "endpoint-not-ready",
        world(endpoints=endpoints("shop/web", endpoint(ready=False))),
        R.NO_READY_ENDPOINTS,
        "Announcement",
    ),
    Case(
        "local-without-endpoint",
        world(
            service=assigned_service("shop/web", "198.51.100.1", day=2, **LOCAL),
            endpoints=endpoints("shop/web", endpoint(on="n9")),
        ),
        R.NO_READY_ENDPOINTS,
        "Announcement",
    ),
    Case("node-excluded", world(n1=node("n1", "203.0.113.11", **EXCLUDED)), R.NODE_EXCLUDED, "Announcement"),
    Case(
        "network-unavailable",
        world(n1=node("n1", "203.0.113.11", unavailable="True")),
        R.NODE_NETWORK_UNAVAILABLE,
        "Announcement",
    ),
    Case(
        "gate-closed",
        world(speaker=speaker("n1", conditions=data_plane("DataPlaneDown"))),
        R.DATA_PLANE_DOWN,
        "Announcement",
    ),
    Case(
        "conflicting-advertisements",
        world(ads=[advertisement("a", med=1), advertisement("b", med=2)]),
        R.CONFLICTING_ADVERTISEMENTS,
        "Announcement",
    ),
    Case(
        "unknown-community",
        world(ads=[advertisement("a", communities=["blue"]), community("names", green="64512:1")]),
        R.UNKNOWN_COMMUNITY,
        "Announcement",
    ),
    Case(
        "advertisement-pool-typo",
        world(ads=advertisement("a", ipAddressPools=["mian"])),
        R.NO_MATCHING_ADVERTISEMENT,
        "Announcement",
        says="ipAddressPools",
    ),
    Case(
        "advertisement-service-selector",
        world(ads=advertisement("a", serviceSelectors=[{"matchLabels": {"app": "x"}}])),
        R.NO_MATCHING_ADVERTISEMENT,
        "Announcement",
        says="serviceSelectors",
    ),
    Case(
        "aggregate-too-wide",
        world(pool=pool("main", "198.51.100.0/28"), ads=advertisement("a", aggregationLength=24)),
        R.AGGREGATE_TOO_WIDE,
        "Announcement",
    ),
    Case(
        "default-gateway-gone",
        world(
            peer=peer(peerAddress=None, peerAddressFrom={"defaultGateway": "IPv4"}),
            speaker=speaker("n1", session(state="Idle", peerAddress=None, sent=0)),
        ),
        R.NO_DEFAULT_GATEWAY,
        "Announcement",
    ),
    Case(
        "node-annotation-missing",
        world(peer=peer(peerAddress=None, peerAddressFrom={"nodeAnnotation": "example.com/router"})),
        R.NODE_ANNOTATION_MISSING,
        "Announcement",
    ),
    Case("address-in-no-pool", world(), R.ADDRESS_NOT_IN_POOL, "Pool", "address/192.0.2.1"),
    Case(
        "address-of-inactive-pool",
        world(more=pool("new", "198.51.100.128-198.51.101.255", day=9)),
        R.ADDRESS_NOT_IN_POOL,
        "Pool",
        "address/198.51.101.1",
        says="pool new",
    ),
    Case("address-of-node", world(n1=node("n1", "198.51.100.9")), R.ADDRESS_IN_USE, "Pool", "address/198.51.100.9"),
    Case("peer-unknown", world(), R.UNKNOWN_PEER, "Spec", "peer/rot"),
    Case("peer-down", world(speaker=speaker("n1", down())), R.SESSIONS_DOWN, "Sessions", "peer/tor", says="no TCP"),
    Case(
        "peer-without-nodes",
        world(peer=peer(nodeSelectors=[{"matchLabels": {"a": "b"}}])),
        R.NO_SESSION_WANTED,
        "Nodes",
        "peer/tor",
    ),
    Case("node-unknown", world(), R.NODE_NOT_FOUND, "Node", "node/n9"),
    Case("node-is-excluded", world(n1=node("n1", "203.0.113.11", **EXCLUDED)), R.NODE_EXCLUDED, "Node", "node/n1"),
    Case("node-without-speaker", world(speaker=None), R.SPEAKER_MISSING, "Speaker", "node/n1"),
]
