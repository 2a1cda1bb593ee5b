"""docs/reference/logs.md lists every log event with its level, and no other."""

import re

from tests.house.log_events import log_events
from tests.support.tree import ROOT

ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|", re.MULTILINE)


def test_reference_lists_every_log_event() -> None:
    documented = set(ROW.findall((ROOT / "docs" / "reference" / "logs.md").read_text()))
    logged = log_events()
    assert len(logged) > 40
    assert sorted(logged ^ documented) == []


def test_log_events_have_snake_case_names() -> None:
    assert not [name for name, _ in log_events() if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)]
