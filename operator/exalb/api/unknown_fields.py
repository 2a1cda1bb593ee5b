"""Finds fields of a manifest that our resources do not have; `kubectl apply` refuses them. Pure.

Objects from the API server are not checked: it has dropped such fields, or has a newer schema.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from exalb.api.crd import definition
from exalb.api.definitions import RESOURCES
from exalb.api.reasons import Finding, Reason

_HINTS = {
    ("BGPPeer", "namespace"): "remove it: ExaLB reads Secrets of one namespace, the chart's passwords.namespace",
    ("BGPPeer", "peerIP"): "did you mean peerAddress?",
    ("BGPPeer", "asNumber"): "did you mean peerASN?",
    ("BGPPeer", "localASN"): "did you mean myASN?",
    ("BGPPeer", "nodeSelector"): "did you mean nodeSelectors, a list of label selectors?",
    ("BGPPeer", "password"): "did you mean passwordSecretRef, the name of a Secret?",
    ("BGPPeer", "secretKeyRef"): "did you mean passwordSecretRef, the name of a Secret?",
    ("BGPPeer", "bfdProfile"): "remove it: ExaLB has no BFD",
    ("BGPPeer", "vrf"): "remove it: ExaLB has no VRFs",
    ("BGPPeer", "disableMP"): "did you mean families?",
    ("BGPPeer", "dualStackAddressFamily"): "did you mean families?",
    ("IPAddressPool", "protocol"): "remove it: ExaLB announces by BGP alone",
    ("IPAddressPool", "cidr"): "did you mean addresses, a list?",
    ("IPAddressPool", "blocks"): "did you mean addresses, a list?",
}
"""The advice for fields of other products, where the letters of our own fields would mislead."""


def unknown(data: object, schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield each field of `data` that is not in the structural `schema`: its place, its name and the valid names."""
    if isinstance(data, Mapping) and "properties" in schema:
        for key, value in data.items():
            if key in schema["properties"]:
                yield from unknown(value, schema["properties"][key], f"{path}.{key}".lstrip("."))
            else:
                yield path, str(key), tuple(schema["properties"])
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from unknown(value, schema.get("items", {}), f"{path}[{index}]")


@cache
def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Return the structural schema of each of our resources by its kind."""
    return {
        resource.kind: definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for resource in RESOURCES
    }


def unknown_fields(raw: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return the unknown fields of an object of ours; its status is not part of a manifest."""
    kind, name = raw["kind"], raw["metadata"]["name"]
    written = {key: value for key, value in raw.items() if key != "status"}
    return tuple(
        Finding(kind, name, _within_spec(place, key), Reason.INVALID_SPEC, _sentence(kind, place, key, known))
        for place, key, known in unknown(written, schemas().get(kind, {}))
    )


def _within_spec(place: str, key: str) -> str:
    return f"{place}.{key}" if place else "spec"


def _sentence(kind: str, place: str, key: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(key, known, n=1)
    hint = _HINTS.get((kind, key)) or (f"did you mean {near[0]}?" if near else "remove it")
    return f"{f'{place}.{key}'.lstrip('.')} is not a field of {kind}: {hint}"
