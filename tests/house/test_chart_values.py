"""Every value of the chart is explained, and known to its schema."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from exalb.announcement.returning import Depreference
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


def test_schema_takes_the_steps_of_a_return_that_the_speaker_takes() -> None:
    """The largest MED is no round number, so each of its digits is tried with one more and one less."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    pattern = schema["properties"]["speaker"]["properties"]["drain"]["properties"]["returnSteps"]["items"]["pattern"]
    largest = 2**32 - 1
    edges = {largest + sign * 10**digit for digit in range(11) for sign in (-1, 1)} | {0, 1, largest}
    edges |= {largest // 10**digit * 10**digit - less for digit in range(11) for less in (0, 1)}
    steps = [f"med={value}" for value in sorted(edges)] + [f"prepend={value}" for value in range(-1, 21)]
    steps += ["", "GRACEFUL_SHUTDOWN", "GRACEFUL_SHUTDOWN=1", "med", "med=", "prepend", "weight=1"]
    assert [step for step in steps if bool(re.search(pattern, step)) is not is_step(step)] == []


def is_step(text: str) -> bool:
    """Return whether a speaker starts with this step."""
    try:
        Depreference.parse(text)
    except ValueError:
        return False
    return True


def properties(schema: Any, whole: set[str], part: Any = None, path: str = "") -> Iterator[str]:
    """Yield the path of every property that is explained as a whole or is no object with properties of its own."""
    part = resolved(schema, schema if part is None else part)
    if "properties" in part and path not in whole:
        assert path == "global" or part["additionalProperties"] is False, path
        for name, child in part["properties"].items():
            yield from properties(schema, whole, child, f"{path}.{name}" if path else name)
    else:
        yield path
