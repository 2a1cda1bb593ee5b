"""The health script for Argo CD in docs/how-to/gitops.md, run by Lua as Argo CD runs it."""

from typing import Any

import pytest

from tests.support.argocd import health


def ready(status: str, observed: int) -> list[dict[str, Any]]:
    """Return the conditions of an object."""
    condition = {"status": status, "reason": "Active", "message": "in use", "observedGeneration": observed}
    return [{"type": "Effective", **condition, "status": "False"}, {"type": "Ready", **condition}]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, "Progressing"),
        ({"usage": "0/256"}, "Progressing"),
        ({"conditions": ready("True", 2)}, "Healthy"),
        ({"conditions": ready("False", 2)}, "Degraded"),
        ({"conditions": ready("Unknown", 2)}, "Progressing"),
        ({"conditions": ready("True", 1)}, "Progressing"),
        ({"conditions": ready("False", 1)}, "Progressing"),
    ],
    ids=["no status", "no conditions", "ready", "not ready", "unknown", "ready before", "not ready before"],
)
def test_gitops_health_of_an_object(status: dict[str, Any] | None, expected: str) -> None:
    obj: dict[str, Any] = {"metadata": {"generation": 2}}
    assert health(obj if status is None else {**obj, "status": status}) == expected
