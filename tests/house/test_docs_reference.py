"""The generated pages of docs/reference are those that the models and the settings make; `make docs` writes them."""

import pytest

from tests.golden.compare import assert_golden
from tests.house import reference
from tests.house.tree import ROOT

PAGES = {"resources.md": reference.resources, "programs.md": reference.programs}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    assert_golden(ROOT / "docs" / "reference" / name, PAGES[name]())
