"""The definitions in crds/ and in the chart are those that the models make, and `kubectl explain` has a word on all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exalb.api.crd import definition, definitions
from exalb.api.definitions import RESOURCES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("directory", ["crds", "charts/exalb/files/crds"])
def test_written_definitions_are_those_of_the_models(directory: str) -> None:
    written = {path.name: path.read_text() for path in (ROOT / directory).iterdir()}
    assert written == definitions(), "run `make crds`"


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_every_field_is_described(resource: Any) -> None:
    schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    bare = [path for path, node in fields("", schema) if not node.get("description") and path != ".metadata"]
    assert not bare


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_every_rule_has_a_message(resource: Any) -> None:
    schema = definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    rules = [rule for _, node in fields("", schema) for rule in node.get("x-kubernetes-validations", [])]
    assert all(" " in rule["message"] for rule in rules)


def test_short_names_are_our_own() -> None:
    names = [word for resource in RESOURCES for word in (resource.short, resource.plural, resource.kind.lower())]
    assert len(set(names)) == len(names)
    assert all(yaml.safe_load(text)["spec"]["scope"] == "Cluster" for text in definitions().values())


def fields(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every property below `node` with its path."""
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child
        yield from fields(f"{path}.{name}", child)
    if "items" in node:
        yield from fields(f"{path}[]", node["items"])
