"""Finds fields of a manifest of Kubernetes' own kinds that are misspelt or in the wrong place. Pure.

Only fields that look like one that exists are found: a newer Kubernetes may have fields that ExaLB does not know.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from exalb.api.reasons import Finding, Reason

_METADATA = ("name", "namespace", "labels", "annotations")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "Service": (
        *("type", "loadBalancerIP", "loadBalancerClass", "externalTrafficPolicy", "ipFamilies", "ipFamilyPolicy"),
        *("externalIPs", "clusterIP", "clusterIPs", "ports", "selector", "allocateLoadBalancerNodePorts"),
        *("internalTrafficPolicy", "healthCheckNodePort", "sessionAffinity", "sessionAffinityConfig"),
        *("loadBalancerSourceRanges", "publishNotReadyAddresses", "externalName", "trafficDistribution"),
    ),
}
"""The fields of `spec` by kind, of the kinds whose `spec` requests something."""


def misplaced_fields(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the fields of an object that `kubectl apply` refuses; those of our own kinds have a schema."""
    kind, known = raw["kind"], _FIELDS.get(raw["kind"])
    if known is None:
        return
    for key in raw:
        if key in (*_METADATA, "type", *known):
            home = "metadata" if key in _METADATA else "spec"
            yield _finding(
                raw, "metadata" if key in _METADATA else "spec", f"{key} is not a field of {kind}", f"{home}.{key}"
            )
    yield from _misspelt(raw, "metadata", _METADATA)
    yield from _misspelt(raw, "spec", known)


def _misspelt(raw: Mapping[str, Any], place: str, known: tuple[str, ...]) -> Iterator[Finding]:
    by_letters = {name.lower(): name for name in known}
    content = raw.get(place)
    for key in content if isinstance(content, Mapping) else ():
        near = get_close_matches(str(key).lower(), by_letters, n=1, cutoff=0.9)
        if key not in known and near:
            text = f"{place}.{key} is not a field of {raw['kind']}"
            yield _finding(raw, place, text, f"{place}.{by_letters[near[0]]}")


def _finding(raw: Mapping[str, Any], place: str, text: str, meant: str) -> Finding:
    return Finding(raw["kind"], raw["metadata"]["name"], place, Reason.INVALID_SPEC, f"{text}: did you mean {meant}?")
