"""Faults between a node and its router, as `exalb explain` names them; stories stage each with a real router."""

from typing import NamedTuple

from exalb.api.reasons import Reason


class Fault(NamedTuple):
    """One fault, and what a person reads about it."""

    title: str
    says: str
    """A part of the message of the first broken step."""
    next: str
    """A part of its next step."""
    metallb: str
    reason: Reason = Reason.SESSIONS_DOWN


SEEN: dict[Reason, frozenset[str]] = {
    Reason.SESSIONS_DOWN: frozenset(
        {"condition Established", "condition Ready", "event on BGPPeer", "metric exalb_bgp_session_established"}
    ),
    Reason.SESSION_FLAPPING: frozenset(
        {"condition Established", "condition Ready", "event on BGPPeer", "metric exalb_bgp_session_transitions_total"}
    ),
    Reason.NOT_SENT: frozenset({"metric exalb_bgp_prefixes_sent"}),
    Reason.ENGINE_NOT_CONNECTED: frozenset({"condition Ready", "metric exalb_engine_connected"}),
}
"""The places where a person or a program sees the reason, other than `explain` and the page."""
SAID: dict[Reason, frozenset[str]] = {
    Reason.SESSIONS_DOWN: frozenset({"condition Established", "event on BGPPeer"}),
    Reason.NOT_SENT: frozenset({"condition AllAnnounced"}),
    Reason.ENGINE_NOT_CONNECTED: frozenset({"condition Ready"}),
}
"""The places that have the message, too, so that the cause is read there as well."""
PAGE = frozenset({"page Sessions", "page Status"})

GREEN = "all green; the speaker's log"
FAULTS = {
    "other_asn": Fault(
        "the AS numbers do not match",
        "bad peer AS",
        "myASN",
        "all green; the speaker's log: unexpected peer ASN (measured)",
    ),
    "other_password": Fault(
        "the passwords differ",
        "the passwords differ",
        "Secret",
        "all green; the speaker's log: timeout, no word of a password (measured)",
    ),
    "password_on_the_router_alone": Fault(
        "only the router has a password", "no TCP connection", "passwordSecretRef", f"{GREEN}: timeout"
    ),
    "unknown_neighbor": Fault(
        "the router does not know the node", "refused the connection", "configure this node as a neighbor", GREEN
    ),
    "access_list": Fault("an access list drops port 179", "packets are lost", "access list", f"{GREEN}: timeout"),
    "router_gone": Fault("the router or the cable died", "hold timer expired", "lost packets", GREEN),
    "prefix_limit": Fault("the router's prefix limit is reached", "maximum number of prefixes", "prefix limit", GREEN),
    "family_refused": Fault(
        "the router does not activate the address family",
        "did not negotiate IPv4",
        "activate the address family",
        "nothing",
        Reason.NOT_SENT,
    ),
    "shut_down": Fault(
        "the router's administrator shut the session down", "moving racks", "enable the neighbor", GREEN
    ),
    "neighbor_removed": Fault("somebody removed the neighbor", "peer de-configured", "somebody removed it", GREEN),
    "dead_exabgp": Fault(
        "the BGP engine is dead",
        "does not answer",
        "container bgp",
        "FRR's pod is not Ready",
        Reason.ENGINE_NOT_CONNECTED,
    ),
    "hanging_exabgp": Fault(
        "the BGP engine hangs",
        "does not answer",
        "container bgp",
        "a probe of FRR's pod, if it notices",
        Reason.ENGINE_NOT_CONNECTED,
    ),
}
