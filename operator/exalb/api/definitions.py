"""The custom resources: names, printed columns and models. Pure."""

from dataclasses import dataclass
from types import ModuleType

from pydantic import BaseModel

from exalb.api import advertisement, community, l2_advertisement, peer, pool, speaker


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    """Whether only `-o wide` shows it."""


READY = (
    Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
)


AGE = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True, slots=True)
class Resource:
    """A custom resource: its names, its models and its columns."""

    kind: str
    plural: str
    short: str
    module: ModuleType
    """Its docstring describes the resource."""
    spec: type[BaseModel] | None
    status: type[BaseModel]
    columns: tuple[Column, ...]
    is_filled_in: bool = True
    """Whether the API server fills in the defaults of a spec; otherwise an unset field differs from its default."""


RESOURCES = (
    Resource(
        "IPAddressPool",
        "ipaddresspools",
        "exapool",
        pool,
        pool.IPAddressPoolSpec,
        pool.IPAddressPoolStatus,
        (
            Column("Addresses", ".status.addresses"),
            Column("Auto", ".spec.autoAssign", "boolean"),
            Column("Usage", ".status.usage"),
            *READY,
            AGE,
        ),
    ),
    Resource(
        "BGPPeer",
        "bgppeers",
        "exapeer",
        peer,
        peer.BGPPeerSpec,
        peer.BGPPeerStatus,
        (
            Column("Address", ".status.address"),
            Column("ASN", ".status.asn"),
            Column("Template", ".spec.template", wide=True),
            Column("Sessions", ".status.sessions"),
            Column("Established", '.status.conditions[?(@.type=="Established")].status'),
            *READY,
            AGE,
        ),
        is_filled_in=False,
    ),
    Resource(
        "BGPAdvertisement",
        "bgpadvertisements",
        "exaadv",
        advertisement,
        advertisement.BGPAdvertisementSpec,
        advertisement.BGPAdvertisementStatus,
        (
            Column("Pools", ".status.pools"),
            Column("Peers", ".status.peers"),
            Column("Communities", ".status.communities", wide=True),
            *READY,
            AGE,
        ),
    ),
    Resource(
        "L2Advertisement",
        "l2advertisements",
        "exal2",
        l2_advertisement,
        l2_advertisement.L2AdvertisementSpec,
        l2_advertisement.L2AdvertisementStatus,
        (
            Column("Pools", ".status.pools"),
            Column("Interfaces", ".status.interfaces"),
            *READY,
            AGE,
        ),
    ),
    Resource(
        "Community",
        "communities",
        "exacomm",
        community,
        community.CommunitySpec,
        community.CommunityStatus,
        (*READY, AGE),
    ),
    Resource(
        "BGPSpeaker",
        "bgpspeakers",
        "exaspeaker",
        speaker,
        None,
        speaker.BGPSpeakerStatus,
        (
            Column("Sessions", ".status.summary"),
            Column("Prefixes", ".status.prefixes", "integer"),
            Column("Withheld", ".status.withheld", "integer"),
            Column("Partly", ".status.partlyWithheld", "integer", wide=True),
            Column("L2", ".status.l2.addresses", "integer", wide=True),
            Column("Drain", ".status.drain.state"),
            Column("Heartbeat", ".status.heartbeat", "date", wide=True),
            *READY,
            AGE,
        ),
    ),
)
