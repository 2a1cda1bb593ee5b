"""The interface by which a program drives a BGP engine: set the desired state, read the actual state."""

from typing import Protocol

from exalb_bgp.speaker import Speaker, SpeakerStatus


class Driver(Protocol):
    """Brings one BGP engine to a desired state and keeps it there."""

    async def run(self) -> None:
        """Drive until cancelled. A cancelled driver leaves sessions and routes as they are."""

    def apply(self, desired: Speaker) -> None:
        """Make `desired` the goal, in place of the one before; return at once."""

    def bfd_failed(self, peer: str, reason: str) -> None:
        """Close the session with a peer at once, and open it again; `reason` becomes its error. Return at once."""

    def status(self) -> SpeakerStatus:
        """Return the current status; equal values mean that nothing changed."""

    async def changed(self) -> None:
        """Wait until `status` differs from what it was when this was last called."""

    async def settled(self) -> None:
        """Wait until the engine runs the desired sessions and confirmed every Established peer's whole table."""
