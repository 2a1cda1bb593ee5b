"""The health script for Argo CD in docs/how-to/gitops.md, run by Lua as Argo CD runs it."""

import json
import subprocess
from typing import Any

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
    match value:
        case dict():
            return "{" + ", ".join(f"[{json.dumps(key)}] = {lua(item)}" for key, item in value.items()) + "}"
        case list():
            return "{" + ", ".join(map(lua, value)) + "}"
        case None:
            return "nil"
        case _:
            return json.dumps(value, ensure_ascii=False)
