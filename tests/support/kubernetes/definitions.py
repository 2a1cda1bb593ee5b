"""Stand-ins for the definitions of other products, for an API server that does not have these products."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.lab.api import Json
from tests.lab.cluster import Lab

ANY: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""Objects with any field."""
TEXT: Json = {"type": "string"}
TEXTS: Json = {"type": "array", "items": TEXT}
MAP: Json = {"type": "object", "additionalProperties": TEXT}
DURATION: Json = {
    "type": "string",
    "pattern": r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$",
}


def stand_in(group: str, kind: str, plural: str, versions: list[str], schema: Json = ANY) -> Json:
    """Return the definition of a kind of another product; its objects may have any field, or those of `schema`."""
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    served = [
        {
            "name": name,
            "served": True,
            "storage": name == versions[-1],
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
        }
        for name in versions
    ]
    spec = {"group": group, "names": names, "scope": "Namespaced", "versions": served}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": {"name": f"{plural}.{group}"}, "spec": spec}


@contextmanager
def served(lab: Lab, definitions: Sequence[Json]) -> Iterator[None]:
    """Have the API server serve the kinds of these definitions while the context lasts."""
    lab.apply(definitions)
    lab.kubectl("wait", "--for=condition=Established", *(f"crd/{entry['metadata']['name']}" for entry in definitions))
    try:
        yield
    finally:
        lab.delete(definitions)


def of_prometheus_operator() -> list[Json]:
    """Return PodMonitor and PrometheusRule with the fields that the chart may set, and no others."""
    group = "monitoring.coreos.com"
    relabeling = _fields(sourceLabels=TEXTS, targetLabel=TEXT, replacement=TEXT)
    endpoint = _fields(port=TEXT, path=TEXT, interval=DURATION, relabelings=_list(relabeling))
    monitor = _fields("selector", selector=_fields(matchLabels=MAP), podMetricsEndpoints=_list(endpoint))
    expression = {"x-kubernetes-int-or-string": True}
    rule = _fields("expr", alert=TEXT, record=TEXT, expr=expression, **{"for": DURATION}, labels=MAP, annotations=MAP)
    rules = _fields(groups=_list(_fields("name", name=TEXT, interval=DURATION, rules=_list(rule))))
    kinds = (("PodMonitor", "podmonitors", monitor), ("PrometheusRule", "prometheusrules", rules))
    return [stand_in(group, kind, plural, ["v1"], _fields("spec", spec=spec)) for kind, plural, spec in kinds]


def _fields(*required: str, **properties: Any) -> Json:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}
