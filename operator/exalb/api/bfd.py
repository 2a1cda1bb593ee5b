"""Fields and report of BFD (RFC 5880): how soon a dead router, or a dead way to it, is noticed."""

from typing import Annotated

from pydantic import Field

from exalb.api.schema import Flag, Model

Milliseconds = Annotated[int, Field(strict=True, ge=100, le=60000)]


class Bfd(Model):
    """A BFD session with a directly connected router (RFC 5881); the router must be configured for it, too."""

    receive_interval: Milliseconds = 300
    """Milliseconds between two packets that this end is ready to receive; unset means 300."""
    transmit_interval: Milliseconds = 300
    """Milliseconds between two packets that this end wants to send; the router may ask for fewer. Unset means 300."""
    detect_multiplier: Annotated[int, Field(strict=True, ge=2, le=255)] = 3
    """The router takes the node for dead after so many packets in a row are lost; unset means 3."""
    strict: Flag = False
    """Whether BGP waits for BFD: without a BFD session that is Up there is no BGP session. Unset means no."""


class BfdReport(Model):
    """The BFD session with one router."""

    state: Annotated[str, Field(max_length=16)]
    """AdminDown, Down, Init or Up (RFC 5880 §6.2)."""
    since: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    """When it entered this state."""
    diagnostic: Annotated[str, Field(max_length=64)] | None = None
    """Why it last left Up, in the words of RFC 5880 §4.1."""
    remote_state: Annotated[str, Field(max_length=16)] | None = None
    """The state that the router reports; unset while it is silent."""
    remote_diagnostic: Annotated[str, Field(max_length=64)] | None = None
    """The diagnostic that the router reports."""
    transmit_interval: int | None = None
    """Milliseconds between two packets of the node, as agreed with the router."""
    detection_time: int | None = None
    """Milliseconds without a packet after which the node takes the router for dead."""
    remote_detection_time: int | None = None
    """Milliseconds without a packet after which the router takes the node for dead."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """Why it is not Up, and what to do."""
