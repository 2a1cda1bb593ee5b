"""BGPSpeaker: the report of one node's speaker; written by that speaker alone."""

from enum import Enum
from typing import Annotated

from pydantic import Field

from exalb.api.bfd import BfdReport
from exalb.api.l2 import L2Report
from exalb.api.reasons import ConditionType, Reason
from exalb.api.schema import MAX_ITEMS, Conditions, Model, Time
from exalb_bgp.session import KEPT_ENDS, State

Entry = Annotated[str, Field(max_length=96)]


class DrainState(Enum):
    """How far a drain is; a node that is not drained has none."""

    DEPREFERRED = "Depreferred"
    """Every route has GRACEFUL_SHUTDOWN (RFC 8326), so that routers prefer other nodes."""
    WITHDRAWING = "Withdrawing"
    """The routes are being withdrawn."""
    WITHDRAWN = "Withdrawn"
    """ExaBGP confirmed that the routes are withdrawn."""
    RETURNING = "Returning"
    """The drain was undone: the routes are announced, for a while so that routers prefer other nodes."""


class DrainCause(Enum):
    """Why a node is drained; the first that applies counts."""

    NODE_SHUTDOWN = "NodeShutdown"
    """The kubelet shuts the machine down (graceful node shutdown)."""
    ANNOTATION = "Annotation"
    """The Node has the annotation exalb.io/drain."""
    TAINT = "Taint"
    """The Node has a taint of the speaker's `drainTaints`."""
    CORDON = "Cordon"
    """The Node is cordoned, and the speaker has `drainOnCordon`."""


class ReturnReport(Model):
    """The step of the return of a node whose drain was undone."""

    step: int
    """The number of the step, from 1."""
    steps: int
    """How many there are."""
    announced: Annotated[str, Field(max_length=32)]
    """How routers are to prefer other nodes: GRACEFUL_SHUTDOWN, or prepend or med with a value."""
    until: Time
    """When the next step begins, or after the last one the routes are as usual; by the node's clock."""


class DrainReport(Model):
    """The drain of the node: its routes move to other nodes."""

    state: DrainState
    """How far it is."""
    cause: DrainCause
    """Why the node is drained."""
    since: Time
    """When the node entered this state, by its own clock."""
    held: int = 0
    """How many prefixes stay announced, with GRACEFUL_SHUTDOWN, since some Service has no other node."""
    undone: bool = False
    """Whether nothing drains the node any longer: it returns, or waits in this state until kube-proxy is healthy."""
    returning: ReturnReport | None = None
    """The step of the return; set in the state Returning."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """The Services that have no other node, and what to do; or what the return of an undone drain waits for."""


class SessionReport(Model):
    """One session of the node."""

    peer: Annotated[str, Field(max_length=253)]
    """Name of the BGPPeer."""
    peer_address: Annotated[str, Field(max_length=64)] | None = None
    """The address of the router; unset where the node does not know it, as `lastError` says."""
    local_asn: Annotated[int | None, Field(alias="localASN")] = None
    """The AS number of the node."""
    peer_asn: Annotated[int | None, Field(alias="peerASN")] = None
    """The AS number of the router."""
    state: State
    """The state of the session (RFC 4271 §8.2.2)."""
    since: Time | None = None
    """When the session entered this state."""
    prefixes_wanted: int = 0
    """How many prefixes the node should announce to the peer."""
    prefixes_sent: int = 0
    """How many of them the engine confirmed as sent to the peer."""
    announced: Annotated[tuple[Entry, ...] | None, Field(max_length=MAX_ITEMS)] = None
    """The prefixes that the peer has, for programs: 256 addresses an entry, with a bit for each in base64. Unset
    if they are more than fit, or the speaker does not know them."""
    bfd: BfdReport | None = None
    """The BFD session with the router; unset where the peer asks for none."""
    last_error: Annotated[str, Field(max_length=1024)] | None = None
    """Why the session last ended, or why it is not Established; unset while it is Established, and all is sent."""
    ended: Annotated[tuple[Time, ...] | None, Field(max_length=KEPT_ENDS)] = None
    """When the session last went down, oldest first, by the node's clock; the session may be Established again."""
    ended_because: Annotated[str, Field(max_length=1024)] | None = None
    """Why it went down the last time."""


class SecretReport(Model):
    """A Secret with a password that the node cannot use."""

    name: Annotated[str, Field(max_length=253)]
    """Name of the Secret."""
    is_missing: bool = False
    """Whether there is no such Secret; else it has another type, or a password that no session can have."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """The fault, and what to do."""


class BGPSpeakerStatus(Model):
    """The observed state of one node's speaker."""

    sessions: Annotated[tuple[SessionReport, ...], Field(max_length=MAX_ITEMS)] = ()
    """The sessions that the node should have."""
    established: int = 0
    """How many of them are Established."""
    wanted: int = 0
    """How many there are."""
    summary: Annotated[str, Field(max_length=64)] | None = None
    """Established and wanted sessions, for the column of `kubectl get`."""
    prefixes: int = 0
    """How many prefixes the node announces to at least one peer."""
    withheld: int = 0
    """How many routes (Service and prefix) the node announces to none of its peers."""
    partly_withheld: int = 0
    """How many routes the node announces to some of its peers and withholds from others."""
    heartbeat: Time | None = None
    """When the speaker last wrote this report: at least once a minute while it runs, by the node's clock."""
    drain: DrainReport | None = None
    """The drain of the node; unset while it is not drained."""
    l2: L2Report | None = None
    """The addresses that the node announces by ARP and NDP; unset where L2 is off."""
    unusable_secrets: Annotated[tuple[SecretReport, ...], Field(max_length=MAX_ITEMS)] = ()
    """The Secrets that BGPPeers name and that cannot be used, as this node reads them."""
    conditions: Conditions = ()
    """Ready, DataPlaneHealthy and AllAnnounced, and L2Effective where L2 is on."""


def is_stale(report: BGPSpeakerStatus) -> bool:
    """Whether the controller marked this report as stale."""
    ready = ConditionType.READY.value, Reason.SPEAKER_NOT_REPORTING.value
    return any((condition.type, condition.reason) == ready for condition in report.conditions)
