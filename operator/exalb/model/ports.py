"""The ports of a Service, and those that join it to its EndpointSlices as kube-proxy joins them. Pure."""

from typing import NamedTuple


class Port(NamedTuple):
    """A port of a Service, as far as it can clash with another."""

    protocol: str
    number: int

    def __str__(self) -> str:
        """Write it as `TCP/80`."""
        return f"{self.protocol}/{self.number}"


class EndpointPort(NamedTuple):
    """A port by which a Service finds its endpoints: EndpointSlices have ports of the same name and protocol."""

    name: str
    protocol: str

    def __str__(self) -> str:
        """Write it as `http (TCP)`."""
        return f"{self.name or 'unnamed'} ({self.protocol})"
