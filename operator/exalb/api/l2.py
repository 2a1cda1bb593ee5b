"""The report of L2 (ARP, NDP) on one node, as its BGPSpeaker has it."""

from typing import Annotated

from pydantic import Field

from exalb.api.schema import MAX_ITEMS, Model, Time

Entry = Annotated[str, Field(max_length=96)]


class L2Interface(Model):
    """An interface of the node on a LAN."""

    name: Annotated[str, Field(max_length=15)]
    """Its name."""
    mac: Annotated[str, Field(max_length=17)]
    """Its MAC address."""
    addresses: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=64)] = ()
    """The node's addresses there, each with the length of its subnet."""


class L2Conflict(Model):
    """An address that another MAC address answers for."""

    address: Annotated[str, Field(max_length=45)]
    """The address."""
    mac: Annotated[str, Field(max_length=17)]
    """The MAC address that answers for it."""
    node: Annotated[str, Field(max_length=253)] = ""
    """The node that has this MAC address; empty where it is no node's."""


class L2Report(Model):
    """The addresses that the node announces on its LANs, and where it can."""

    connected: bool
    """Whether the L2 process of the node answers the speaker."""
    interfaces: Annotated[tuple[L2Interface, ...], Field(max_length=16)] = ()
    """The interfaces on which the node can announce addresses."""
    addresses: int = 0
    """How many addresses the node announces there."""
    announced: Annotated[tuple[Entry, ...] | None, Field(max_length=MAX_ITEMS)] = None
    """These addresses, for programs: 256 addresses an entry, with a bit for each in base64. Unset if they are more
    than fit."""
    since: Time | None = None
    """When the node began to announce the newest of these addresses, by its own clock; the others are older."""
    conflicts: Annotated[tuple[L2Conflict, ...], Field(max_length=16)] = ()
    """Addresses that another host answers for; the node does not take them, or defends those that it has."""
