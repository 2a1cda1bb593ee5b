"""The health script for Argo CD in docs/how-to/gitops.md, run by Lua as Argo CD runs it."""

import subprocess
from typing import Any

import pytest
import yaml

from tests.lab import fixtures, packages
from tests.support.documents import Page
from tests.support.tree import ROOT

PAGE = Page(ROOT / "docs" / "how-to" / "gitops.md")
BLOCK = PAGE.text.partition("```yaml\n")[2].partition("```")[0]
SCRIPT = yaml.safe_load(yaml.safe_load(BLOCK)["data"]["resource.customizations"])["exalb.io/*"]["health.lua"]


def health(obj: dict[str, Any]) -> str:
    """Return the health of an object."""
    fixtures.require(packages.LUA)
    script = f"obj = {lua(obj)}\nlocal function health()\n{SCRIPT}\nend\nprint(health().status)"
    return subprocess.run(["lua5.4", "-"], input=script, capture_output=True, text=True, check=True).stdout.strip()


def lua(value: Any) -> str:
    """Write a value of JSON in Lua."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'["{key}"] = {lua(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ", ".join(map(lua, value)) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)


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
