"""What operators are told to type does as told: plans read all that counts, upgrades keep no old defaults."""

import re

import pytest

from exalb.crd import RESOURCES, definition
from exalb.kinds import FOREIGN
from tests.house.documents import Page
from tests.house.tree import ROOT
from tests.lab.cluster import ESTIMATE

README, OPERATIONS = Page(ROOT / "README.md"), Page(ROOT / "docs" / "operations.md")
CATEGORY = "exalb"
"""With which kubectl gets all of our custom resources."""


def exported(page: Page) -> list[set[str]]:
    """Return what each export of a cluster holds: the words with which kubectl names kinds."""
    lists = re.findall(r"(?:kubectl get |kinds=)(nodes,[a-z,]+)", "\n".join(page.code()))
    return [set(names.split(",")) for names in lists]


@pytest.mark.parametrize(("page", "needed"), [(README, set()), (OPERATIONS, {CATEGORY})], ids=["readme", "operations"])
def test_an_export_for_a_plan_holds_all_that_a_plan_reads(page: Page, needed: set[str]) -> None:
    """Secrets stay where they are: a plan supposes those that peers name."""
    exports = exported(page)
    assert exports
    wanted = {kind.plural for kind in FOREIGN} - {"secrets"} | needed
    assert not [wanted ^ export for export in exports if export != wanted]
    assert not [one.kind for one in RESOURCES if CATEGORY not in definition(one)["spec"]["names"]["categories"]]


def test_an_upgrade_takes_the_new_defaults() -> None:
    upgrades = [line for line in OPERATIONS.code() if line.startswith("helm upgrade")]
    assert upgrades
    assert not [line for line in upgrades if "--reset-then-reuse-values" not in line]


def test_the_charts_rights_and_the_changelog_leave_nothing_out() -> None:
    rights = (ROOT / "charts" / "exalb" / "README.md").read_text()
    assert not [kind.name for kind in FOREIGN if f"\n| {kind.name}s" not in rights]
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert not [one.kind for one in RESOURCES if one.kind not in changes]


def test_the_first_page_and_the_lab_say_alike_how_long_it_takes() -> None:
    estimates = set(re.findall(r"about (\w+)", ESTIMATE))
    assert len(estimates) > 1
    assert estimates <= set(re.findall(r"about (\w+)", README.text))
