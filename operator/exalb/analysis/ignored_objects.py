"""Names the objects of an input that a plan does not read, where people may expect that it does. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exalb.api.reasons import Finding, Reason

_PRODUCTS = {
    "metallb.io": "MetalLB",
    "projectcalico.org": "Calico",
    "crd.projectcalico.org": "Calico",
    "cilium.io": "Cilium",
    "purelb.io": "PureLB",
}
"""Other products with objects about addresses or BGP, by API group."""


def ignored_objects(objects: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield a note for each kind of another product, and for each Endpoints object without an EndpointSlice."""
    counts: Counter[tuple[str, str]] = Counter()
    endpoints, mirrored = set[tuple[str, str]](), set[tuple[str, str]]()
    for raw in objects:
        group, kind = raw["apiVersion"].rpartition("/")[0], raw["kind"]
        counts[group, kind] += group in _PRODUCTS
        metadata = _mapping(raw.get("metadata"))
        namespace = str(metadata.get("namespace") or "default")
        if (group, kind) == ("", "Endpoints"):
            endpoints.add((namespace, str(metadata.get("name"))))
        elif kind == "EndpointSlice":
            mirrored.add((namespace, str(_mapping(metadata.get("labels")).get("kubernetes.io/service-name"))))
    for (group, kind), count in sorted(counts.items()):
        if count:
            yield Finding(kind, f"({count} of {group})", "apiVersion", Reason.NOT_READ, _of_product(group))
    for namespace, name in sorted(endpoints - mirrored):
        message = "is not read: add the EndpointSlices, into which Kubernetes copies it (kubectl get endpointslices)"
        yield Finding("Endpoints", f"{namespace}/{name}", "subsets", Reason.NOT_READ, message)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _of_product(group: str) -> str:
    product = _PRODUCTS[group]
    what = "see `exalb migrate`" if product == "MetalLB" else "write ExaLB's own kinds, of exalb.io/v1beta1"
    return f"of {product}, which a plan does not read: {what}"
