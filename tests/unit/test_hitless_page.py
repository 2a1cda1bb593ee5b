"""The page about events has a row for each event and policy, and a table that Markdown reads."""

from typing import Any

from tests.support.hitless_page import COLUMNS, CONTROLS, POLICIES, ROUTERS, UNMOVED, render


def results(**figures: Any) -> list[dict[str, Any]]:
    """Return the same result for each router, policy and kind of session."""
    zero = {"asked": 100, "lost": 0, "failed": 0, "open": 0, "connections": 8, "broken": 1, "gap": 0, "left": None}
    return [
        {"router": router, "graceful": graceful, "bfd": bfd, "policy": policy, **zero, **figures}
        for router in ROUTERS
        for policy in POLICIES
        for graceful, bfd in COLUMNS
    ]


def page(name: str = "reboot", *, planned: bool = True, metallb: str = "", **figures: Any) -> str:
    event = {"event": name, "text": "node reboot", "planned": planned, "metallb": metallb, "load": [0.5, 1.2]}
    return render({"machine": {"processors": 2}, "events": [{**event, "results": results(**figures)}]})


def test_each_event_has_a_row_for_each_router_and_policy() -> None:
    text = page()
    cell = "0 of 100 / 1 of 8 / 0 / -"
    for policy in POLICIES:
        assert text.count(f"| node reboot (planned) | {policy} | {' | '.join([cell] * 4)} | 0.5 → 1.2 |\n") == 2
    assert "(planned)" not in page(planned=False)


def test_cell_says_what_was_lost_and_when_the_node_was_left() -> None:
    assert "| 3 of 100 / 1 of 8 / 1,250 / 2,214 |" in page(lost=3, gap=1250, left=2214)
    assert "| 3 of 100 (2 failed) / 1 of 8" in page(lost=3, failed=2)


def test_page_names_the_events_that_move_no_route_where_a_run_has_them() -> None:
    event = {"event": "reboot", "text": "", "planned": True, "metallb": "", "load": [0, 0], "results": results()}
    assert UNMOVED not in render({"machine": {}, "events": [event]})
    assert UNMOVED in render({"machine": {}, "events": [{**event, "event": name} for name in CONTROLS]})


def test_aims_are_held_against_the_figures() -> None:
    assert "| 32 of 1,600, and 16 more whose connection was open |" in page(lost=3, open=1)
    assert page(planned=False, lost=3, open=1).count("| 0 of 0, and 0 more whose connection was open |") == 2
    for control in ("nothing", "rules"):
        assert "| none without an event | 32 of 1,600, and 16 more" in page(control, planned=False, lost=3, open=1)
    assert page("power-off", left=1041).count("| 1,041 to 1,041 ms |") == 2
    assert page("power-off").count("| not measured |") == page(left=1041).count("| not measured |") == 2


def test_figures_of_metallb_have_a_table_of_their_own() -> None:
    assert "| node reboot | 81 of 10,116 lost |" in page(metallb="81 of 10,116 lost")
    assert "| node reboot | |" not in page()
