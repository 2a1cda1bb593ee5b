"""Makes ExaLB's objects from MetalLB's, with a note for everything that differs. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from exalb.api.address_ranges import AddressRange
from exalb.migration.advertisements import advertisement_spec, community_spec, names_of, selected_keys
from exalb.migration.bfd import place_note, profile_notes
from exalb.migration.layer2 import L2, l2_spec
from exalb.migration.metallb_objects import (
    METALLB,
    SPECS,
    AdvertisementSpec,
    CommunitySpec,
    L2AdvertisementSpec,
    MetalLBModel,
    PeerSpec,
    PoolSpec,
    ProfileSpec,
    labels_of,
    parsed,
    unknown,
)
from exalb.migration.notes import About, Json, Note, checked, manifest
from exalb.migration.others import other_notes, service_notes
from exalb.migration.peers import password_command, peer_spec
from exalb.migration.pools import known_ranges, pool_spec
from exalb.model.cluster import Key, Service

Spec = TypeVar("Spec", bound=MetalLBModel)

_TOOLS = (
    "app.kubernetes.io/",
    "argocd.argoproj.io/",
    "helm.sh/",
    "helm.toolkit.fluxcd.io/",
    "kustomize.toolkit.fluxcd.io/",
)
"""Prefixes of labels by which tools find their own objects: a copy would let the tool delete the new object."""
NOTHING_ANNOUNCED = (
    "no BGPAdvertisement is left, with which MetalLB announces nothing. ExaLB would announce every pool to every peer,"
    " so no BGPPeer is written: write a BGPAdvertisement first"
)


class OldConfigurationError(Exception):
    """The input has a configuration that MetalLB itself no longer reads; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """ExaLB's objects and the notes about them, both in a fixed order."""

    objects: tuple[Json, ...]
    notes: tuple[Note, ...]
    ranges: tuple[AddressRange, ...]
    """The addresses of MetalLB's pools, also of those that are not written."""
    read: Mapping[str, int]
    """How many objects of each kind of MetalLB there were."""
    password_commands: tuple[str, ...]
    """Commands that copy passwords into ExaLB's namespace."""


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The namespaces of the two products."""

    theirs: str
    ours: str


def migrate(
    objects: Iterable[Json], services: Mapping[Key, Service], namespaces: Namespaces, *, all_nodes: bool
) -> Migration:
    """Return the migration of the objects of MetalLB; unless `all_nodes`, peers select only nodes with the label."""
    found = {(raw["kind"], raw["metadata"]["name"]): raw for raw in objects}
    theirs = {key: raw for key, raw in sorted(found.items()) if raw["apiVersion"].partition("/")[0] == METALLB}
    specs, notes = _parsed(theirs)
    notes += other_notes(found)
    labels = {name: labels_of(theirs["IPAddressPool", name]) for name in specs["IPAddressPool"]}
    ranges = known_ranges(_of(specs["IPAddressPool"], PoolSpec).values())
    made, more = _apart(_made(specs, labels, services, all_nodes=all_nodes))
    notes += more
    valid, more = _apart(checked(made))
    notes += more
    if not any(raw["kind"] == "BGPAdvertisement" for raw in valid) and specs["BGPPeer"]:
        valid = [raw for raw in valid if raw["kind"] != "BGPPeer"]
        notes.append(About("BGPPeer", ", ".join(specs["BGPPeer"])).lost("", NOTHING_ANNOUNCED))
    notes += service_notes(services, valid)
    peers = {raw["metadata"]["name"] for raw in valid if raw["kind"] == "BGPPeer"}
    written = {name: spec for name, spec in _of(specs["BGPPeer"], PeerSpec).items() if name in peers}
    commands = (password_command(name, spec, namespaces.theirs, namespaces.ours) for name, spec in written.items())
    return Migration(
        objects=tuple(valid),
        notes=tuple(sorted(set(notes), key=lambda note: note.order)),
        ranges=ranges,
        read=Counter(kind for kind, _ in theirs),
        password_commands=tuple(dict.fromkeys(filter(None, commands))),
    )


def _apart(items: Iterable[Json | Note]) -> tuple[list[Json], list[Note]]:
    """Return the objects and the notes among `items`."""
    everything = list(items)
    return [item for item in everything if isinstance(item, dict)], [
        item for item in everything if isinstance(item, Note)
    ]


def _parsed(theirs: Mapping[tuple[str, str], Json]) -> tuple[dict[str, dict[str, MetalLBModel]], list[Note]]:
    """Return the specs by kind and name, and notes about those that cannot be read."""
    models: dict[str, type[MetalLBModel]] = {**SPECS, L2: L2AdvertisementSpec}
    specs: dict[str, dict[str, MetalLBModel]] = {kind: {} for kind in models}
    notes: list[Note] = []
    for (kind, name), raw in theirs.items():
        if kind in models:
            spec = parsed(raw, models[kind])
            if isinstance(spec, list):
                notes += spec
            else:
                specs[kind][name] = spec
    return specs, notes


def _made(
    specs: Mapping[str, Mapping[str, MetalLBModel]],
    labels: Mapping[str, Mapping[str, str]],
    services: Mapping[Key, Service],
    *,
    all_nodes: bool,
) -> Iterator[Json | Note]:
    """Yield ExaLB's objects, which may be invalid, and the notes."""
    advertisements = _of(specs["BGPAdvertisement"], AdvertisementSpec)
    communities = _of(specs["Community"], CommunitySpec)
    lans = _of(specs[L2], L2AdvertisementSpec)
    keys, names = selected_keys(advertisements) | selected_keys(lans), names_of(communities)
    for name, pool in _of(specs["IPAddressPool"], PoolSpec).items():
        written, notes = pool_spec(pool, About("IPAddressPool", name), services)
        yield from _written("IPAddressPool", name, written, notes, _kept(labels[name], keys))
    for name, community in communities.items():
        yield from _written("Community", name, *community_spec(community, About("Community", name)))
    for name, advertisement in advertisements.items():
        written, notes = advertisement_spec(advertisement, About("BGPAdvertisement", name), names)
        yield from _written("BGPAdvertisement", name, written, notes)
    for name, lan in lans.items():
        yield from _written(L2, name, *l2_spec(lan, About(L2, name)))
    profiles, peers = _of(specs["BFDProfile"], ProfileSpec), _of(specs["BGPPeer"], PeerSpec)
    for name, profile in profiles.items():
        about, users = About("BFDProfile", name), [key for key, peer in peers.items() if peer.bfd_profile == name]
        yield from (*unknown(profile, about), *profile_notes(profile, about), place_note(about, users))
    for name, peer in peers.items():
        made = peer_spec(peer, About("BGPPeer", name), all_nodes=all_nodes, profiles=profiles)
        yield from _written("BGPPeer", name, *made)


def _written(
    kind: str, name: str, spec: dict[str, Any] | None, notes: list[Note], labels: Mapping[str, str] | None = None
) -> Iterator[Json | Note]:
    yield from notes
    if spec is not None:
        yield manifest(kind, name, spec, labels)


def _of(specs: Mapping[str, MetalLBModel], kind: type[Spec]) -> dict[str, Spec]:
    return {name: spec for name, spec in sorted(specs.items()) if isinstance(spec, kind)}


def _kept(labels: Mapping[str, str], selected: frozenset[str]) -> dict[str, str]:
    """Keep the labels of a pool, except those of tools that no advertisement selects by."""
    return {key: value for key, value in sorted(labels.items()) if key in selected or not key.startswith(_TOOLS)}
