"""Every value of the chart is explained, and known to its schema."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from tests.house.chart_values import leaves, resolved, values
from tests.support.tree import ROOT

CHART = ROOT / "charts" / "exalb"
VALUES = CHART / "values.yaml"
OF_METALLB = {"frrk8s", "prometheus"}
"""The schema names them to say whose values they are."""


def test_every_value_is_explained() -> None:
    explained = {value.path for value in values(VALUES)}
    bare = [
        path
        for path in leaves(yaml.safe_load(VALUES.read_text()))
        if not any(path == name or path.startswith(f"{name}.") for name in explained)
    ]
    assert not bare


def test_schema_knows_the_values_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    explained = {value.path for value in values(VALUES)}
    assert set(properties(schema, explained)) - OF_METALLB == explained


def properties(schema: Any, whole: set[str], part: Any = None, path: str = "") -> Iterator[str]:
    """Yield the path of every property that is explained as a whole or is no object with properties of its own."""
    part = resolved(schema, schema if part is None else part)
    if "properties" in part and path not in whole:
        assert path == "global" or part["additionalProperties"] is False, path
        for name, child in part["properties"].items():
            yield from properties(schema, whole, child, f"{path}.{name}" if path else name)
    else:
        yield path
