"""L2Advertisement: which addresses nodes announce on their own LAN, by ARP and NDP, from which nodes and interfaces."""

from typing import Annotated

from pydantic import AfterValidator, Field

from exalb.api.peer_fields import InterfaceName
from exalb.api.schema import (
    LIST_SET,
    Conditions,
    LabelSelectors,
    Model,
    Names,
    ObservedGeneration,
    each_once,
)


class L2AdvertisementSpec(Model):
    """The desired state of an L2Advertisement. One node announces each selected address; unset selectors select all."""

    ip_address_pools: Annotated[Names, Field(alias="ipAddressPools")] = ()
    """Pools by name."""
    ip_address_pool_selectors: Annotated[LabelSelectors, Field(alias="ipAddressPoolSelectors")] = ()
    """Pools by their labels; with `ipAddressPools`: those that either names or selects."""
    service_selectors: LabelSelectors = ()
    """Services by their labels."""
    node_selectors: LabelSelectors = ()
    """Nodes by their labels: only these may announce."""
    interfaces: Annotated[
        tuple[InterfaceName, ...],
        Field(max_length=16, json_schema_extra=LIST_SET),
        AfterValidator(each_once),
    ] = ()
    """Interfaces of the nodes by name, on which the addresses are announced; unset: the interface whose subnet has the
    address."""


class L2AdvertisementStatus(Model):
    """The observed state of an L2Advertisement."""

    pools: Annotated[str, Field(max_length=512)] | None = None
    """The pools that it selects, for the column of `kubectl get`; * is all of them."""
    interfaces: Annotated[str, Field(max_length=512)] | None = None
    """The interfaces of the spec, for the column of `kubectl get`; * is the one of the address's subnet."""
    observed_generation: ObservedGeneration = None
    """The `metadata.generation` of the object that this status describes; -1 before the first report."""
    conditions: Conditions = ()
    """Ready: whether the advertisement is active, or why not; Effective: whether every setting has an effect."""
