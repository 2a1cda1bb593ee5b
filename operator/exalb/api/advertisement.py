"""BGPAdvertisement: which addresses are announced to which peers, from which nodes, with which path attributes."""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from exalb.api.community import FITTING
from exalb.api.community_values import HOW, NAME, PATTERN, read_community
from exalb.api.schema import (
    LIST_SET,
    Conditions,
    Flag,
    LabelSelectors,
    Model,
    Names,
    ObservedGeneration,
    cel,
    each_once,
    rules,
)
from exalb.api.service_overrides import ServiceOverrides


def _is_community_or_name(text: str) -> str:
    read_community(text)
    return text


CommunityText = Annotated[
    str,
    AfterValidator(_is_community_or_name),
    Field(
        max_length=64,
        json_schema_extra=rules(
            cel(
                f"self.matches('{PATTERN}') || (size(self) <= 63 && self.matches('{NAME}'))",
                f"is not a community: {HOW}, or the name that a Community gives it",
            ),
            *FITTING,
        ),
    ),
]

MAX_COMMUNITIES = 63
"""How many communities of one kind a route may have. All kinds together fit into one UPDATE of 4,096 octets
(RFC 4271 §4)."""
MAX_PREPEND = 16
"""How many more times the local AS may be put into AS_PATH."""

Unsigned32 = Annotated[int, Field(strict=True, ge=0, le=4294967295)]


_ONE_OF = "excludes allowServiceOverrides: true: remove one of them"


class BGPAdvertisementSpec(Model):
    """The desired state of a BGPAdvertisement. Only selected routes are announced; unset selectors select all."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel("!self.allowServiceOverrides || !has(self.serviceOverrides)", _ONE_OF, fieldPath=".serviceOverrides")
        )
    )

    ip_address_pools: Annotated[Names, Field(alias="ipAddressPools")] = ()
    """Pools by name."""
    ip_address_pool_selectors: Annotated[LabelSelectors, Field(alias="ipAddressPoolSelectors")] = ()
    """Pools by their labels; with `ipAddressPools`: those that either names or selects."""
    service_selectors: LabelSelectors = ()
    """Services by their labels."""
    node_selectors: LabelSelectors = ()
    """Nodes by their labels."""
    peers: Names = ()
    """Peers by name."""
    peer_selectors: LabelSelectors = ()
    """Peers by their labels; with `peers`: those that either names or selects."""
    aggregation_length: Annotated[int, Field(strict=True, ge=1, le=32)] = 32
    """Prefix length of the routes for IPv4 addresses; 32 announces host routes."""
    aggregation_length_v6: Annotated[int, Field(strict=True, ge=1, le=128, alias="aggregationLengthV6")] = 128
    """Prefix length of the routes for IPv6 addresses; 128 announces host routes."""
    local_pref: Unsigned32 | None = None
    """LOCAL_PREF, sent to iBGP peers only (RFC 4271 §5.1.5)."""
    med: Unsigned32 | None = None
    """MULTI_EXIT_DISC (RFC 4271 §5.1.4)."""
    as_path_prepend: Annotated[int, Field(strict=True, ge=0, le=MAX_PREPEND)] | None = None
    """How many more times the local AS is put into AS_PATH; sent to eBGP peers only (RFC 4271 §5.1.2)."""
    communities: Annotated[
        tuple[CommunityText, ...],
        Field(max_length=MAX_COMMUNITIES, json_schema_extra=LIST_SET),
        AfterValidator(each_once),
    ] = ()
    """Standard (65001:100), large (large:65001:1:2) and extended (target:65001:100) ones, well-known names, and names
    that a Community gives. While a name is unknown, the routes that should carry it are withheld."""
    weight: Literal["None", "Endpoints"] = "None"
    """`Endpoints` announces how many ready endpoints the node has, as link bandwidth."""
    allow_service_overrides: Flag = False
    """Whether annotations of a Service may replace these attributes, with any value except BLACKHOLE, route targets
    (target:…) and a LOCAL_PREF above `localPref` (unset: 100)."""
    service_overrides: ServiceOverrides | None = None
    """The attributes that annotations of a Service may replace, and the values; excludes `allowServiceOverrides`."""

    @model_validator(mode="after")
    def _one_way_to_allow(self) -> "BGPAdvertisementSpec":
        if self.allow_service_overrides and self.service_overrides is not None:
            raise ValueError(f"serviceOverrides: {_ONE_OF}")
        return self


class BGPAdvertisementStatus(Model):
    """The observed state of a BGPAdvertisement."""

    pools: Annotated[str, Field(max_length=512)] | None = None
    """The pools that it selects, for the column of `kubectl get`; * is all of them."""
    peers: Annotated[str, Field(max_length=512)] | None = None
    """The peers that it selects, for the column of `kubectl get`; * is all of them."""
    communities: Annotated[str, Field(max_length=512)] | None = None
    """The first communities of the spec, for the column of `kubectl get`."""
    observed_generation: ObservedGeneration = None
    """The `metadata.generation` of the object that this status describes; -1 before the first report."""
    conditions: Conditions = ()
    """Ready: whether the advertisement is active, or why not; Effective: whether every setting has an effect."""
