"""BGPSpeaker: what one node's speaker sees; written by that speaker alone."""

from typing import Annotated, Literal

from pydantic import Field

from exalb.resources.common import MAX_ITEMS, Conditions, Model

FSMState = Literal["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"]


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
    state: FSMState
    """The state of the session (RFC 4271 §8.2.2)."""
    since: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    """When the session came into this state."""
    prefixes_wanted: int = 0
    """How many prefixes the peer should know of."""
    prefixes_sent: int = 0
    """Of those wanted, how many the engine confirmed as written to the peer."""
    last_error: Annotated[str, Field(max_length=1024)] | None = None
    """Why the session last ended, in words."""


class BGPSpeakerStatus(Model):
    """The observed state of one node's speaker."""

    sessions: Annotated[tuple[SessionReport, ...], Field(max_length=MAX_ITEMS)] = ()
    """The sessions that the node should have."""
    established: int = 0
    """How many of them are up."""
    wanted: int = 0
    """How many there are."""
    summary: Annotated[str, Field(max_length=64)] | None = None
    """Established and wanted sessions, for the column of `kubectl get`."""
    prefixes: int = 0
    """Different prefixes that the node tells to one peer or more."""
    withheld: int = 0
    """Addresses, and prefixes beside them, with at least one session that they are not told on."""
    conditions: Conditions = ()
    """What else is to be said of the node."""
