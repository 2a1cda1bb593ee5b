"""Every value of the chart is explained, in its README too, and known to its schema."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from tests.golden.compare import assert_golden
from tests.house.chart_values import leaves, table, values, with_table
from tests.house.tree import ROOT

CHART = ROOT / "charts" / "exalb"
VALUES = CHART / "values.yaml"


def test_readme_has_the_values() -> None:
    readme = CHART / "README.md"
    assert_golden(readme, with_table(readme.read_text(), table(VALUES)))


def test_every_value_is_explained() -> None:
    explained = {value.path for value in values(VALUES)}
    bare = [
        path
        for path in leaves(yaml.safe_load(VALUES.read_text()))
        if not any(path == one or path.startswith(f"{one}.") for one in explained)
    ]
    assert not bare


def test_schema_knows_the_values_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    known = {path for path in properties(schema) if path != "global"}
    assert known == {value.path for value in values(VALUES)}


def properties(schema: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every property that is no object with properties of its own."""
    if "properties" in schema:
        assert schema["additionalProperties"] is False, path
        for name, child in schema["properties"].items():
            yield from properties(child, f"{path}.{name}" if path else name)
    else:
        yield path
