"""The expressions of a label selector (Kubernetes API, meta/v1)."""

import pytest

from exalb.api.schema import LabelSelectorRequirement

WEB, DB, NONE = {"app": "web"}, {"app": "db"}, {"tier": "front"}


@pytest.mark.parametrize(
    ("operator", "values", "matching"),
    [
        ("In", ["web"], [WEB]),
        ("NotIn", ["web"], [DB, NONE]),
        ("Exists", [], [WEB, DB]),
        ("DoesNotExist", [], [NONE]),
    ],
)
def test_expression_matches_labels(operator: str, values: list[str], matching: list[dict[str, str]]) -> None:
    expression = LabelSelectorRequirement.model_validate({"key": "app", "operator": operator, "values": values})
    assert [labels for labels in (WEB, DB, NONE) if expression.matches(labels)] == matching
