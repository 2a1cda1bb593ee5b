"""BGPAdvertisement: which addresses are told to which peers, from which nodes, with which path attributes."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from exalb.communities import PATTERN, parse_community
from exalb.resources.common import LIST_SET, Conditions, LabelSelectors, Model, Names, cel, rules


def _is_community(text: str) -> str:
    parse_community(text)
    return text


_NUMBERS = "self.matches('^[0-9:]+$')"

CommunityText = Annotated[
    str,
    AfterValidator(_is_community),
    Field(
        max_length=64,
        json_schema_extra=rules(
            cel(
                f"self.matches('{PATTERN}')",
                "write 65001:100, large:65001:1:2, target:65001:100, origin:65001:100 or a name such as NO_EXPORT",
            ),
            cel(
                f"!self.matches('{PATTERN}') || !{_NUMBERS} || self.split(':').all(part, int(part) <= 65535)",
                "each number of a community fits into 16 bits: at most 65535",
            ),
            cel(
                f"!self.matches('{PATTERN}') || !self.startsWith('large:')"
                " || self.split(':').all(part, part == 'large' || int(part) <= 4294967295)",
                "each number of a large community fits into 32 bits: at most 4294967295",
            ),
            cel(
                f"!self.matches('{PATTERN}') || !(self.startsWith('target:') || self.startsWith('origin:'))"
                " || (int(self.split(':')[1]) <= 65535 && int(self.split(':')[2]) <= 4294967295)",
                "the AS number of an extended community fits into 16 bits, its value into 32",
            ),
        ),
    ),
]

Unsigned32 = Annotated[int, Field(strict=True, ge=0, le=4294967295)]


class BGPAdvertisementSpec(Model):
    """The desired state of a BGPAdvertisement. What is not selected is not told; unset selectors select everything."""

    ip_address_pools: Annotated[Names, Field(alias="ipAddressPools")] = ()
    ip_address_pool_selectors: Annotated[LabelSelectors, Field(alias="ipAddressPoolSelectors")] = ()
    """With `ipAddressPools`: pools that either names or selects."""
    service_selectors: LabelSelectors = ()
    node_selectors: LabelSelectors = ()
    peers: Names = ()
    peer_selectors: LabelSelectors = ()
    """With `peers`: peers that either names or selects."""
    aggregation_length: Annotated[int, Field(strict=True, ge=1, le=32)] = 32
    """Prefix length of what is told for IPv4 addresses; 32 tells host routes."""
    aggregation_length_v6: Annotated[int, Field(strict=True, ge=1, le=128, alias="aggregationLengthV6")] = 128
    local_pref: Unsigned32 | None = None
    """Sent to iBGP peers only (RFC 4271 §5.1.5)."""
    med: Unsigned32 | None = None
    as_path_prepend: Annotated[int, Field(strict=True, ge=0, le=16)] | None = None
    """How many times the local AS is put into AS_PATH once more."""
    communities: Annotated[tuple[CommunityText, ...], Field(max_length=63, json_schema_extra=LIST_SET)] = ()
    weight: Literal["None", "Endpoints"] = "None"
    """`Endpoints` tells the router how many ready endpoints the node has, as link bandwidth."""
    allow_service_overrides: bool = False
    """Whether annotations of a Service may replace these attributes."""


class BGPAdvertisementStatus(Model):
    """The observed state of a BGPAdvertisement."""

    conditions: Conditions = ()
