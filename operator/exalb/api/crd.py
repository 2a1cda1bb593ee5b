"""The CustomResourceDefinitions, made from the models in `exalb.api`; `python -m exalb.api.crd DIR…` writes them.

A model's JSON schema becomes a structural schema (Kubernetes API, apiextensions/v1): references are written out, an
optional field may be left out, and a keyword that a structural schema cannot hold is refused, not dropped.
"""

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from pydantic import BaseModel, ValidationError

from exalb.api.definitions import RESOURCES, Column, Resource
from exalb.api.schema import GROUP, NOT_OBSERVED, VERSION

Schema: TypeAlias = dict[str, Any]

HEADER = "# Written by `make crds` from the models in operator/exalb/api.\n"

_DROPPED = {"title", "$defs", "uniqueItems"}
_KEPT = (
    "description",
    "type",
    "format",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)
"""The keywords that are copied, in the order in which they are written."""


def definitions() -> dict[str, str]:
    """Return the text of every definition by its file's name."""
    return {f"{resource.plural}.yaml": HEADER + _text(definition(resource)) for resource in RESOURCES}


def definition(resource: Resource) -> Schema:
    """Return the CustomResourceDefinition of one resource."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in resource.columns],
        "schema": {"openAPIV3Schema": _whole(resource)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                "shortNames": [resource.short],
                "categories": ["exalb"],
            },
            "scope": "Cluster",
            "versions": [version],
        },
    }


def _column(column: Column) -> Schema:
    return {"name": column.name, "type": column.type, "jsonPath": column.path} | (
        {"priority": 1} if column.wide else {}
    )


def _whole(resource: Resource) -> Schema:
    properties: Schema = {
        "apiVersion": {"type": "string", "description": "Version of this schema."},
        "kind": {"type": "string", "description": "Name of this resource."},
        "metadata": {"type": "object"},
    }
    whole: Schema = {"description": inspect.getdoc(resource.module), "type": "object", "properties": properties}
    if resource.spec:
        properties["spec"] = structural(resource.spec.model_json_schema())
        for field in () if resource.is_filled_in else properties["spec"]["properties"].values():
            field.pop("default", None)
        if _may_be_empty(resource.spec):
            properties["spec"]["default"] = {}
        else:
            whole["required"] = ["spec"]
    properties["status"] = _without_defaults(structural(resource.status.model_json_schema()))
    if "observedGeneration" in properties["status"]["properties"]:
        properties["status"]["default"] = {"observedGeneration": NOT_OBSERVED}
    return whole


def _may_be_empty(spec: type[BaseModel]) -> bool:
    try:
        spec.model_validate({})
    except ValidationError:
        return False
    return True


def structural(schema: Mapping[str, Any]) -> Schema:
    """Return pydantic's JSON schema `schema` as a structural one; raise ValueError if that is not possible."""
    return _structural(schema, schema.get("$defs", {}))


def _structural(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Schema:
    node = _merged(schema, defs)
    if unknown := node.keys() - {*_KEPT, *_DROPPED, "properties", "items", "additionalProperties"}:
        raise ValueError(f"a structural schema cannot hold {sorted(unknown)}: {node}")
    made = {key: node[key] for key in _KEPT if key in node and not (key == "default" and node[key] in (None, []))}
    if node.get("x-kubernetes-int-or-string"):
        del made["type"]
    if node.get("type") == "array" and ("maxItems" not in node or "maxLength" in node):
        raise ValueError(f"a list needs maxItems, or the cost of rules below it has no bound: {node}")
    if "properties" in node:
        made["properties"] = {name: _structural(child, defs) for name, child in node["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in node:
            made[key] = _structural(node[key], defs)
    return made


def _merged(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Schema:
    """Resolve the reference and the `X or null` of one node; keywords next to them override those inside."""
    overrides = {key: value for key, value in schema.items() if key not in ("$ref", "anyOf")}
    inner: Mapping[str, Any] = {}
    if "$ref" in schema:
        inner = _merged(defs[schema["$ref"].rpartition("/")[2]], defs)
    elif "anyOf" in schema:
        (choice,) = (option for option in schema["anyOf"] if option != {"type": "null"})
        inner = _merged(choice, defs)
    return {**inner, **overrides}


def _without_defaults(schema: Schema) -> Schema:
    """Remove the defaults of a status: a value that the server fills in would always differ from the written one."""
    made = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in made:
        made["properties"] = {name: _without_defaults(child) for name, child in made["properties"].items()}
    if "items" in made:
        made["items"] = _without_defaults(made["items"])
    return made


def _text(data: Schema) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def main(directories: list[str]) -> None:
    """Write every definition into each of `directories`, and remove other definitions there."""
    texts = definitions()
    for directory in map(Path, directories):
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.glob("*.yaml"):
            if old.name not in texts:
                old.unlink()
        for name, text in texts.items():
            (directory / name).write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
