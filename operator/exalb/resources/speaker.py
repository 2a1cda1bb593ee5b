"""BGPSpeaker: what one node's speaker sees; written by that speaker alone."""

from typing import Annotated, Literal

from pydantic import Field

from exalb.resources.common import MAX_ITEMS, Conditions, Model

FSMState = Literal["Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"]


class BGPSpeakerSpec(Model):
    """Nothing is asked of a BGPSpeaker: it is a report."""


class SessionReport(Model):
    """One session of the node."""

    peer: Annotated[str, Field(max_length=253)]
    """Name of the BGPPeer."""
    peer_address: Annotated[str, Field(max_length=45)]
    local_asn: Annotated[int, Field(alias="localASN")]
    peer_asn: Annotated[int, Field(alias="peerASN")]
    state: FSMState
    """RFC 4271 §8.2.2."""
    since: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    prefixes_wanted: int = 0
    prefixes_sent: int = 0
    """Of those wanted, how many the engine confirmed as written to the peer."""
    last_error: Annotated[str, Field(max_length=1024)] | None = None


class BGPSpeakerStatus(Model):
    """The observed state of one node's speaker."""

    sessions: Annotated[tuple[SessionReport, ...], Field(max_length=MAX_ITEMS)] = ()
    established: int = 0
    wanted: int = 0
    summary: Annotated[str, Field(max_length=64)] | None = None
    """Established and wanted sessions, for the column of `kubectl get`."""
    prefixes: int = 0
    """Different prefixes that the node tells to one peer or more."""
    withheld: int = 0
    """Addresses with at least one session that they are not told on."""
    conditions: Conditions = ()
