"""Reads what a migration from MetalLB needs from the API server; writes nothing, and reads no Secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exalb.kube.client import Json, Reader
from exalb.kube.lists import list_objects
from exalb.model.kinds import CONFIGURATION, NAMESPACE, NODE, SERVICE, SERVICE_CIDR, SPEAKER, Kind

_METALLB = {
    "IPAddressPool": ("v1beta1",),
    "BGPPeer": ("v1beta2", "v1beta1"),
    "BGPAdvertisement": ("v1beta1",),
    "L2Advertisement": ("v1beta1",),
    "Community": ("v1beta1",),
    "BFDProfile": ("v1beta1",),
    "AddressPool": ("v1beta1", "v1alpha1"),
    "ConfigurationState": ("v1beta1",),
}
"""The versions of each kind of MetalLB, the best one first."""
_PLURALS = {"Community": "communities"}


@dataclass(frozen=True, slots=True)
class _Collection:
    """Where the API server has the objects of a kind, by version; the first one that it knows is read."""

    kind: str
    versions: tuple[str, ...]
    plural: str


_FOREIGN = (
    *(
        _Collection(
            kind, tuple(f"metallb.io/{version}" for version in versions), _PLURALS.get(kind, f"{kind.lower()}s")
        )
        for kind, versions in _METALLB.items()
    ),
    _Collection("FRRConfiguration", ("frrk8s.metallb.io/v1beta1",), "frrconfigurations"),
    _Collection("DaemonSet", ("apps/v1",), "daemonsets"),
    _Collection("Deployment", ("apps/v1",), "deployments"),
)
_OURS: tuple[Kind, ...] = (*CONFIGURATION, SPEAKER, SERVICE, NODE, NAMESPACE, SERVICE_CIDR)
_GROUPS = ("metallb.io", "frrk8s.metallb.io")
_OTHERS = {("apps", "DaemonSet"), ("apps", "Deployment"), ("", "ConfigMap"), ("exalb.io", "BGPSpeaker")}
_CONFIG_MAPS = "/api/v1/configmaps"


def is_foreign(raw: Mapping[str, Any]) -> bool:
    """Whether a migration reads an object that no plan reads."""
    group = str(raw["apiVersion"]).rpartition("/")[0]
    return group in _GROUPS or (group, raw["kind"]) in _OTHERS


async def read_cluster(api: Reader) -> list[Json]:
    """Return all objects that a migration reads; kinds that the server does not know have none."""
    found: list[Json] = []
    for kind in _OURS:
        found += await list_objects(api, kind.name, kind.api_version, kind.collection()) or ()
    for place in _FOREIGN:
        for version in place.versions:
            listed = await list_objects(api, place.kind, version, f"/apis/{version}/{place.plural}")
            if listed is not None:
                found += listed
                break
    found += await list_objects(api, "ConfigMap", "v1", _CONFIG_MAPS, {"fieldSelector": "metadata.name=config"}) or ()
    found += (
        await list_objects(api, "ConfigMap", "v1", _CONFIG_MAPS, {"fieldSelector": "metadata.name=bgpextras"}) or ()
    )
    return found
