"""Documented commands have their documented effect: plans read every kind, upgrades keep no old defaults."""

import re

import pytest

from exalb.api.crd import definition
from exalb.api.definitions import RESOURCES
from exalb.model.kinds import CORE_KINDS
from tests.lab.cluster import ESTIMATE
from tests.support.documents import Page, pages
from tests.support.tree import ROOT

README, OPERATIONS = Page(ROOT / "README.md"), Page(ROOT / "docs" / "operations.md")
INSTALL = Page(ROOT / "docs" / "how-to" / "install.md")
CATEGORY = "exalb"
"""With which kubectl gets all of our custom resources."""


def exported(page: Page) -> list[set[str]]:
    """Return what each export of a cluster holds: the words with which kubectl names kinds."""
    lists = re.findall(r"(?:kubectl get |kinds=)(nodes,[a-z,]+)", "\n".join(page.code()))
    return [set(names.split(",")) for names in lists]


@pytest.mark.parametrize(("page", "needed"), [(INSTALL, set()), (OPERATIONS, {CATEGORY})], ids=["install", "operate"])
def test_export_for_a_plan_has_every_kind_of_the_plan(page: Page, needed: set[str]) -> None:
    """Secrets stay where they are: a plan supposes those that peers name."""
    exports = exported(page)
    assert exports
    wanted = {kind.plural for kind in CORE_KINDS} - {"secrets"} | needed
    assert not [wanted ^ export for export in exports if export != wanted]
    assert not [
        resource.kind for resource in RESOURCES if CATEGORY not in definition(resource)["spec"]["names"]["categories"]
    ]


def test_upgrade_uses_the_new_defaults() -> None:
    upgrades = [line for page in pages() for line in page.code() if line.startswith("helm upgrade exalb ")]
    assert upgrades
    assert not [line for line in upgrades if "--reset-then-reuse-values" not in line]


def test_chart_rights_and_changelog_name_every_kind() -> None:
    rights = (ROOT / "charts" / "exalb" / "README.md").read_text()
    assert not [kind.name for kind in CORE_KINDS if f"\n| {kind.name}s" not in rights]
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert not [resource.kind for resource in RESOURCES if resource.kind not in changes]


def test_readme_and_lab_agree_on_the_duration() -> None:
    estimates = set(re.findall(r"about (\w+)", ESTIMATE))
    assert len(estimates) > 1
    assert estimates <= set(re.findall(r"about (\w+)", README.text))
