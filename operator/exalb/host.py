"""What a speaker sees of its own node beside the API server: the default routers and the data plane. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from exalb_bgp.rib import Address
from exalb_bgp.session import Family


class Gateway(NamedTuple):
    """The router that a node's default route leads to."""

    address: Address
    interface: str
    """The interface behind which the router is."""
    link_local: Address | None = None
    """Of a link-local `address`: the node's own link-local address on that interface."""


class DataPlane(Enum):
    """Whether the node forwards traffic for Services, as kube-proxy says; the value is the condition's reason."""

    UNWATCHED = "NotWatched"
    """Nobody asks, or nothing answers: the node counts as forwarding."""
    IGNORED = "NeverHealthy"
    """What answers was never healthy, so it says something else than we think: the node counts as forwarding."""
    STARTING = "NotHealthyYet"
    """kube-proxy answers, and was never healthy yet."""
    UP = "Healthy"
    DOWN = "DataPlaneDown"


@dataclass(frozen=True, slots=True)
class Host:
    """One node as its own speaker sees it."""

    gateways: Mapping[Family, Gateway] | None = None
    """None where nobody looked, as in a plan made without a cluster."""
    data_plane: DataPlane = DataPlane.UNWATCHED
    why: str = "nobody asks"
    """What stands behind `data_plane`: a sentence for people."""
    link_locals: Mapping[str, Address] | None = None
    """The node's own link-local address on each interface (RFC 4291 §2.5.6); None where nobody looked."""
