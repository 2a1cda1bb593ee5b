"""MetalLB's custom resources, as far as they are migrated: their fields and defaults. Pure.

Only types are checked here. MetalLB's definitions accept any text for an address or a duration.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ConfigDict, Field, ValidationError, field_validator

from exalb.api.messages import mistakes
from exalb.api.schema import Model
from exalb.migration.notes import About, Json, Note

METALLB = "metallb.io"
Selector = dict[str, Any]


class MetalLBModel(Model):
    """Base of MetalLB's specs: a field that is not known here stays visible, so that a note can name it."""

    model_config = ConfigDict(extra="allow")


class ServiceAllocation(MetalLBModel):
    """The Services that a pool serves."""

    priority: int = 0
    namespaces: tuple[str, ...] = ()
    namespace_selectors: tuple[Selector, ...] = ()
    service_selectors: tuple[Selector, ...] = ()


class PoolSpec(MetalLBModel):
    """IPAddressPool."""

    addresses: tuple[str, ...] = ()
    auto_assign: bool = True
    avoid_buggy_ips: bool = Field(False, alias="avoidBuggyIPs")
    service_allocation: ServiceAllocation | None = None


class SecretReference(MetalLBModel):
    """A Secret with a password."""

    name: str = ""
    namespace: str = ""


class PeerSpec(MetalLBModel):
    """BGPPeer, v1beta1 and v1beta2: the former has a part of the fields of the latter."""

    my_asn: int = Field(0, alias="myASN")
    peer_asn: int = Field(0, alias="peerASN")
    local_asn: int | None = Field(None, alias="localASN")
    dynamic_asn: str = Field("", alias="dynamicASN")
    peer_address: str = ""
    interface: str = ""
    source_address: str = ""
    peer_port: int = 0
    hold_time: str | None = None
    keepalive_time: str | None = None
    connect_time: str | None = None
    router_id: str = Field("", alias="routerID")
    node_selectors: tuple[Selector, ...] = ()
    password: str = ""
    password_secret: SecretReference = SecretReference()
    bfd_profile: str = ""
    enable_graceful_restart: bool = False
    ebgp_multi_hop: bool = False
    vrf: str = ""
    disable_mp: bool = Field(False, alias="disableMP")
    dual_stack_address_family: bool | None = None

    @field_validator("hold_time", "keepalive_time", "connect_time")
    @classmethod
    def _empty_is_unset(cls, value: str | None) -> str | None:
        return value or None


class ProfileSpec(MetalLBModel):
    """BFDProfile; intervals are milliseconds."""

    receive_interval: int | None = None
    transmit_interval: int | None = None
    detect_multiplier: int | None = None
    echo_interval: int | None = None
    echo_mode: bool = False
    passive_mode: bool = False
    minimum_ttl: int | None = None


class AdvertisementSpec(MetalLBModel):
    """BGPAdvertisement."""

    aggregation_length: int = 32
    aggregation_length_v6: int = Field(128, alias="aggregationLengthV6")
    local_pref: int = 0
    communities: tuple[str, ...] = ()
    ip_address_pools: tuple[str, ...] = Field((), alias="ipAddressPools")
    ip_address_pool_selectors: tuple[Selector, ...] = Field((), alias="ipAddressPoolSelectors")
    node_selectors: tuple[Selector, ...] = ()
    service_selectors: tuple[Selector, ...] = ()
    peers: tuple[str, ...] = ()


class L2AdvertisementSpec(AdvertisementSpec):
    """L2Advertisement."""

    interfaces: tuple[str, ...] = ()


class Alias(MetalLBModel):
    """A name for a community."""

    name: str = ""
    value: str = ""


class CommunitySpec(MetalLBModel):
    """Community."""

    communities: tuple[Alias, ...] = ()


SPECS: Mapping[str, type[MetalLBModel]] = {
    "IPAddressPool": PoolSpec,
    "BGPPeer": PeerSpec,
    "BFDProfile": ProfileSpec,
    "BGPAdvertisement": AdvertisementSpec,
    "Community": CommunitySpec,
}
"""The kinds that are migrated."""


def parsed(raw: Json, model: type[MetalLBModel]) -> MetalLBModel | list[Note]:
    """Return the spec of an object of MetalLB; notes if it does not have the types of MetalLB's definition."""
    kind, name = raw["kind"], raw["metadata"]["name"]
    try:
        return model.model_validate(raw.get("spec") or {})
    except ValidationError as error:
        return [
            About(kind, name).lost(".".join(["spec", *map(str, place)]), f"the object cannot be read: {message}")
            for place, message in mistakes(error)
        ]


def unknown(spec: MetalLBModel, about: About, path: str = "spec") -> Iterator[Note]:
    """Yield a note for each field that is not known here."""
    for field in sorted(spec.model_extra or {}):
        message = "is a field of MetalLB that this version of ExaLB does not know: check if you need its effect"
        yield about.lost(f"{path}.{field}", message)


def labels_of(raw: Json) -> dict[str, str]:
    """Return the labels of an object."""
    labels = raw["metadata"].get("labels")
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, Mapping) else {}
