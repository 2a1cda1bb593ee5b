"""The state of a speaker's own node that no API server has: its default routers and its data plane. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from exalb.api.reasons import Reason
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

    NOT_MONITORED = Reason.DATA_PLANE_NOT_MONITORED.value
    """Nobody asks, or nothing answers: the node counts as forwarding."""
    PROBE_IGNORED = Reason.DATA_PLANE_PROBE_IGNORED.value
    """The endpoint answers, but not as kube-proxy does, and was never healthy: the node counts as forwarding."""
    STARTING = Reason.DATA_PLANE_STARTING.value
    """kube-proxy answers, and was never healthy yet."""
    UP = Reason.DATA_PLANE_HEALTHY.value
    DOWN = Reason.DATA_PLANE_DOWN.value


@dataclass(frozen=True, slots=True)
class LocalNode:
    """One node as its own speaker sees it."""

    gateways: Mapping[Family, Gateway] | None = None
    """None where nobody looked, as in a plan made without a cluster."""
    data_plane: DataPlane = DataPlane.NOT_MONITORED
    why: str = "nobody asks"
    """Why `data_plane` is so: a sentence for people."""
    link_locals: Mapping[str, Address] | None = None
    """The node's own link-local address on each interface (RFC 4291 §2.5.6); None where nobody looked."""
