"""BGPAdvertisement: which addresses are told to which peers, from which nodes, with which path attributes."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from exalb.communities import HOW, NAME, PATTERN, read_community
from exalb.resources.common import (
    LIST_SET,
    Conditions,
    Flag,
    LabelSelectors,
    Model,
    Names,
    cel,
    each_once,
    rules,
)
from exalb.resources.community import FITTING


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

Unsigned32 = Annotated[int, Field(strict=True, ge=0, le=4294967295)]


class BGPAdvertisementSpec(Model):
    """The desired state of a BGPAdvertisement. What is not selected is not told; unset selectors select everything."""

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
    """Prefix length of what is told for IPv4 addresses; 32 tells host routes."""
    aggregation_length_v6: Annotated[int, Field(strict=True, ge=1, le=128, alias="aggregationLengthV6")] = 128
    """Prefix length of what is told for IPv6 addresses; 128 tells host routes."""
    local_pref: Unsigned32 | None = None
    """LOCAL_PREF, sent to iBGP peers only (RFC 4271 §5.1.5)."""
    med: Unsigned32 | None = None
    """MULTI_EXIT_DISC (RFC 4271 §5.1.4)."""
    as_path_prepend: Annotated[int, Field(strict=True, ge=0, le=16)] | None = None
    """How many times the local AS is put into AS_PATH once more; towards eBGP peers only (RFC 4271 §5.1.2)."""
    communities: Annotated[
        tuple[CommunityText, ...], Field(max_length=63, json_schema_extra=LIST_SET), AfterValidator(each_once)
    ] = ()
    """Standard (65001:100), large (large:65001:1:2) and extended (target:65001:100) ones, well-known names, and names
    that a Community gives. While a name is unknown, what should carry it is not told at all."""
    weight: Literal["None", "Endpoints"] = "None"
    """`Endpoints` tells the router how many ready endpoints the node has, as link bandwidth."""
    allow_service_overrides: Flag = False
    """Whether annotations of a Service may replace these attributes."""


class BGPAdvertisementStatus(Model):
    """The observed state of a BGPAdvertisement."""

    conditions: Conditions = ()
    """Whether the advertisement is in force, and why not."""
