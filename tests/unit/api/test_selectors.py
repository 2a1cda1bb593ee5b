"""The expressions of a label selector (Kubernetes API, meta/v1)."""

import pytest

from exalb.api.schema import LabelSelector, LabelSelectorRequirement, selectors_text

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


def test_selectors_are_written_as_kubectl_takes_them() -> None:
    expressions = [
        {"key": "zone", "operator": "In", "values": ["b", "c"]},
        {"key": "zone", "operator": "NotIn", "values": ["d"]},
        {"key": "fast", "operator": "Exists"},
        {"key": "spare", "operator": "DoesNotExist"},
    ]
    whole = LabelSelector.model_validate({"matchLabels": {"rack": "a"}, "matchExpressions": expressions})
    other = LabelSelector.model_validate({"matchLabels": {"rack": "e"}})
    assert selectors_text((whole, other)) == "rack=a,zone in (b,c),zone notin (d),fast,!spare or rack=e"
