"""What a node announces and withholds, counted from one plan to the next."""

from dataclasses import replace
from ipaddress import ip_network

from exalb.announcement.adj_rib_out import Row, SessionPlan
from exalb.announcement.planner import NodePlan
from exalb.api.reasons import Reason, Refusal
from exalb.model.cluster import Key
from exalb.report.node_routes import NodeRoutes
from exalb_bgp.rib import Attributes, Prefix
from exalb_bgp.session import Family
from exalb_bgp.speaker import Speaker

WHY = Refusal(Reason.NO_READY_ENDPOINTS, "")
EMPTY = SessionPlan("a", frozenset(Family), None, None, {}, {}, {})
ONE, TWO, SIX = (ip_network(text) for text in ("198.51.100.1/32", "198.51.100.2/32", "2001:db8::1/128"))


def row(name: str, prefix: Prefix) -> Row:
    return Key("default", name), prefix


def session(*prefixes: Prefix, withheld: tuple[Row, ...] = ()) -> SessionPlan:
    return replace(EMPTY, rib=dict.fromkeys(prefixes, Attributes()), withheld=dict.fromkeys(withheld, WHY))


def counted(routes: NodeRoutes, **sessions: SessionPlan) -> tuple[int, list[Row], int]:
    """Take a plan; return its prefixes, its rows, and how many of these have such a prefix."""
    routes.update(NodePlan("n1", sessions, Speaker()))
    return routes.prefixes, routes.withheld, routes.partly


def test_prefix_and_row_of_two_sessions_count_once() -> None:
    routes, withheld = NodeRoutes(), (row("b", TWO), row("a", TWO))
    both = session(ONE, withheld=withheld)
    assert counted(routes, a=both, b=both) == (1, [row("a", TWO), row("b", TWO)], 0)
    assert counted(routes, a=both, b=session(ONE, TWO)) == (2, [row("a", TWO), row("b", TWO)], 2)
    assert counted(routes, a=session(TWO), b=both) == (2, [row("a", TWO), row("b", TWO)], 2)
    assert counted(routes, b=both) == (1, [row("a", TWO), row("b", TWO)], 0)
    assert counted(routes, a=session()) == (0, [], 0)


def test_many_rows_come_and_go_at_once() -> None:
    rows = tuple(row(f"web-{number:04}", ONE) for number in range(600))
    routes = NodeRoutes()
    assert counted(routes, a=session(withheld=rows[::-1])) == (0, list(rows), 0)
    assert counted(routes, a=session(ONE, withheld=rows[300:])) == (1, list(rows[300:]), 300)
    assert counted(routes, a=session(ONE, withheld=rows[299:599])) == (1, list(rows[299:599]), 300)


def test_families_are_those_of_the_prefixes_to_announce() -> None:
    routes = NodeRoutes()
    counted(routes, a=session(ONE, SIX), b=session())
    assert (routes.families("a"), routes.families("b")) == ({Family.IPV4, Family.IPV6}, set())
    counted(routes, a=session(SIX))
    assert routes.families("a") == {Family.IPV6}


def test_unsent_prefixes_are_not_packed() -> None:
    routes = NodeRoutes()
    counted(routes, a=session(ONE, TWO))
    assert routes.packed("a", frozenset({ONE})) == ("198.51.100.0/24 BA",)
    assert routes.packed("a", frozenset({TWO})) == ("198.51.100.0/24 Ag",)
    counted(routes, a=session(ONE))
    assert routes.packed("a", frozenset({TWO})) == ("198.51.100.0/24 Ag",)
    assert routes.packed("a", frozenset({ONE})) == ()
