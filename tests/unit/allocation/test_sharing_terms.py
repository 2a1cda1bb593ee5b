"""Sharing across namespaces needs consent, and the sharer that changed its terms yields, whatever its age."""

from typing import Any

import pytest

from exalb.model.sharing_terms import MAX_SHARED_PORTS
from tests.support.objects import Object, Row, assigned, check, pool, service, wants

MAIN = pool("main", "198.51.100.0/24")
OPEN = pool("main", "198.51.100.0/24", allowCrossNamespaceSharing=True)
HAS = "198.51.100.7"
FREE = "198.51.100.0"
SELECTED: dict[str, Any] = {"externalTrafficPolicy": "Local", "selector": {"app": "x"}}


def sharer(
    name: str, port: int = 80, *, held: bool = False, key: str | None = "k", to: str = "", **more: Any
) -> Object:
    """Return a Service with one port that shares with those of `key`, and across to the namespaces `to`."""
    annotations = wants(**({"sharing_key": key} if key else {}), **({"sharing_namespaces": to} if to else {}))
    annotations |= more.pop("asks", {})
    return service(name, *([HAS] if held else []), annotations=annotations, ports=[{"port": port}], **more)


def holder(name: str, port: int = 80, before: Any = None, **more: Any) -> Object:
    """Return a sharer to which ExaLB assigned the address, as it was `before` where that differs."""
    return assigned(sharer(name, port, held=True, **more), **(before or {}))


ASKS: dict[str, Any] = {"asks": wants(addresses=HAS)}
BEFORE_PORT = {"spec": {"ports": [{"port": 81}]}}
BEFORE_KEY = {"metadata": {"annotations": wants(sharing_key="k")}}

CONSENT = [
    Row("none", [MAIN, sharer("a"), sharer("team/b", 81)], {"a": FREE, "team/b": "198.51.100.1"}),
    Row("of-one", [MAIN, sharer("a", to="team"), sharer("team/b", 81)], {"a": FREE, "team/b": "198.51.100.1"}),
    Row("of-the-other", [MAIN, sharer("a"), sharer("team/b", 81, to="default")], {"a": FREE, "team/b": "198.51.100.1"}),
    Row("of-both", [MAIN, sharer("a", to="team"), sharer("team/b", 81, to="x, default")], {"a": FREE, "team/b": FREE}),
    Row("of-both-to-all", [MAIN, sharer("a", to="*"), sharer("team/b", 81, to="*,x")], {"a": FREE, "team/b": FREE}),
    Row("of-the-pool", [OPEN, sharer("a"), sharer("team/b", 81)], {"a": FREE, "team/b": FREE}),
    Row(
        "of-two-of-three",
        [MAIN, sharer("a", to="team", day=1), sharer("b", 81, day=2), sharer("team/c", 82, to="default", day=3)],
        {"a": FREE, "b": FREE, "team/c": "198.51.100.1"},
    ),
    Row(
        "refused",
        [MAIN, holder("a"), sharer("team/b", 81, to="default", **ASKS)],
        {"a": HAS, "team/b": "SharingConflict"},
        "exalb.io/sharing-namespaces",
    ),
    Row(
        "local-of-equal-selectors",
        [OPEN, sharer("a", **SELECTED), sharer("team/b", 81, **SELECTED)],
        {"a": FREE, "team/b": "198.51.100.1"},
    ),
    Row(
        "local-of-equal-selectors-refused",
        [OPEN, holder("a", **SELECTED), sharer("team/b", 81, **SELECTED, **ASKS)],
        {"a": HAS, "team/b": "SharingConflict"},
        "other endpoints",
    ),
    Row(
        "local-without-selectors",
        [MAIN, sharer("a", externalTrafficPolicy="Local"), sharer("b", 81, externalTrafficPolicy="Local")],
        {"a": FREE, "b": "198.51.100.1"},
    ),
    Row(
        "withdrawn",
        [
            MAIN,
            holder("a", day=1, before={"metadata": {"annotations": wants(sharing_key="k", sharing_namespaces="team")}}),
            holder("team/b", 81, to="default", day=2),
        ],
        {"a": FREE, "team/b": HAS},
    ),
    Row(
        "withdrawn-by-the-pool",
        [MAIN, holder("a", day=2), holder("team/b", 81, day=1)],
        {"a": FREE, "team/b": HAS},
    ),
    Row("not-a-name", [MAIN, sharer("a", to="Team")], {"a": "InvalidRequest"}, "'Team'"),
    Row("too-many-names", [MAIN, sharer("a", to=",".join(f"n{n}" for n in range(64)))], {"a": "InvalidRequest"}, "64"),
    Row("too-long-a-key", [MAIN, sharer("a", key="k" * 254)], {"a": "InvalidRequest"}, "254"),
]

CHANGED = [
    Row("adds-a-port", [MAIN, holder("a", 80, BEFORE_PORT, day=1), holder("b", 80, day=2)], {"a": FREE, "b": HAS}),
    Row("adds-a-free-port", [MAIN, holder("a", 82, BEFORE_PORT, day=2), holder("b", day=1)], {"a": HAS, "b": HAS}),
    Row(
        "drops-its-key", [MAIN, holder("a", 81, BEFORE_KEY, key=None, day=1), holder("b", day=2)], {"a": FREE, "b": HAS}
    ),
    Row(
        "changes-its-key",
        [MAIN, holder("a", 81, BEFORE_KEY, key="x", day=1), holder("b", day=2)],
        {"a": FREE, "b": HAS},
    ),
    Row(
        "changes-its-traffic",
        [
            MAIN,
            holder("a", 81, {"spec": {"externalTrafficPolicy": "Cluster"}}, day=1, **SELECTED),
            holder("b", day=2),
        ],
        {"a": FREE, "b": HAS},
    ),
    Row(
        "drops-a-port-of-two",
        [
            MAIN,
            holder("a", 80, {"spec": {"ports": [{"port": 80}, {"port": 81}]}}, day=2),
            holder("b", 80, BEFORE_PORT, day=1),
        ],
        {"a": HAS, "b": FREE},
    ),
    Row(
        "both-change",
        [MAIN, holder("a", 80, BEFORE_PORT, day=2), holder("b", 80, BEFORE_PORT, day=1)],
        {"a": FREE, "b": HAS},
    ),
    Row(
        "without-a-record-yields",
        [MAIN, sharer("a", held=True, day=1), holder("b", day=2)],
        {"a": FREE, "b": HAS},
    ),
    Row(
        "alone-keeps-its-address",
        [MAIN, holder("a", 80, BEFORE_KEY | BEFORE_PORT, key=None)],
        {"a": HAS},
    ),
    Row(
        "gets-a-key",
        [MAIN, holder("a", before={"metadata": {"annotations": {}}}), sharer("b", 81, **ASKS)],
        {"a": HAS, "b": HAS},
    ),
]


@pytest.mark.parametrize("row", CONSENT, ids=lambda row: row.id)
def test_consent(row: Row) -> None:
    check(row)


@pytest.mark.parametrize("row", CHANGED, ids=lambda row: row.id)
def test_sharer_that_changed_yields(row: Row) -> None:
    check(row)


@pytest.mark.parametrize(("count", "shared"), [(MAX_SHARED_PORTS, True), (MAX_SHARED_PORTS + 1, False)])
def test_number_of_shared_ports_is_limited(count: int, *, shared: bool) -> None:
    many = sharer("a")
    many["spec"]["ports"] = [{"port": 1 + number} for number in range(count)]
    second = sharer("b", 65535)
    check(Row("many", [MAIN, many, second], {"a": FREE, "b": FREE if shared else "198.51.100.1"}))
    asking = sharer("b", 65535, asks=wants(addresses=FREE))
    got = FREE if shared else "SharingConflict"
    check(Row("asked", [MAIN, many, asking], {"a": FREE, "b": got}, "" if shared else f"{MAX_SHARED_PORTS} ports"))
