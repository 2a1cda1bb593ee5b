"""Whatever is read from the API of ExaBGP: an event, nothing, or the one error; and nobody trips over it later."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from exalb_bgp.engine import Engine
from exalb_bgp.exabgp import config, wire
from exalb_bgp.session import Session
from exalb_bgp.speaker import Speaker
from tests.unit.bgp.lines import AGREED, line, neighbors, path, sent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session("tor", IPv4Address("10.77.0.100"), 64512, 64513, IPv4Address("10.77.0.11"))
ATTRIBUTES = {
    "as-path": path(64512),
    "med": 7,
    "local-preference": 200,
    "community": [[65535, 0], [64512, 5]],
    "large-community": [[64512, 1, 2]],
    "extended-community": [{"value": 842127122628708, "string": "target:65001:100"}],
}
ANNOUNCED = {"ipv4 unicast": {"10.77.0.11": [{"nlri": "198.51.100.1/32"}, {"nlri": "198.51.100.2/32"}]}}
EVENTS = [
    line("state", state="up"),
    line("state", state="down", reason="closing connection"),
    line("fsm", state="OPENCONFIRM"),
    line("negotiated", negotiated=AGREED),
    line("open", direction="receive", message={"body": "0x04FDEA005A0A0900020802060104000100010200"}),
    line("notification", direction="receive", message={"body": "0x0602036279"}),
    line("notification", direction="send", notification={"code": 6, "subcode": 2, "data": "0x036279", "message": ""}),
    sent({"eor": {"afi": "ipv6", "safi": "unicast"}}),
    sent({"update": {"withdraw": {"ipv4 unicast": [{"nlri": "198.51.100.1/32"}]}}}),
    sent({"update": {"attribute": ATTRIBUTES, "announce": ANNOUNCED}}),
]
"""What ExaBGP does say."""
HELD = json.dumps(
    {
        "peer": {"address": "10.77.0.100"},
        "route": {
            "nlri": {"prefix": "198.51.100.1/32", "nexthop": "10.77.0.11", "family": {}},
            "attributes": {"community": ["64512:5", "no-export"], "extended-community": ["origin:65001:0.0.0.5"]},
        },
    }
)
NEIGHBORS = neighbors(11, 12)
BOTTOMLESS = '{"neighbor": ' + "[" * 200_000
HUGE = f'{{ "exabgp": "{"x" * 3_000_000}", "neighbor": null }}'

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["0x", "::", "up"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["nlri", "value", "eor"]), inner),
    max_leaves=4,
)


def spots(tree: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every part of a value."""
    yield here
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, part in parts:
        yield from spots(part, (*here, key))


def replaced(tree: Any, way: tuple[Any, ...], value: Any) -> Any:
    """Return the value with one part in it replaced."""
    if not way:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[way[0]] = replaced(tree[way[0]], way[1:], value)
    return copy


@st.composite
def spoilt(draw: st.DrawFn, *lines: str) -> str:
    """Something that was a line of ExaBGP: with parts replaced, cut off, or run into another one."""
    tree = json.loads(draw(st.sampled_from(lines)))
    for _ in range(draw(st.integers(0, 3))):
        tree = replaced(tree, draw(st.sampled_from(list(spots(tree)))), draw(junk))
    text = json.dumps(tree)
    start, end = (draw(st.sampled_from([None, 0]) | st.integers(0, len(text))) for _ in range(2))
    return text[:end] + draw(st.sampled_from(["", "\r", text, "\x00"])) + (text[start:] if start is not None else "")


@settings(max_examples=max(400, settings().max_examples))
@given(spoilt(*EVENTS) | st.text())
@example(BOTTOMLESS)
@example(line("notification", direction="send", notification={"code": [], "subcode": 2, "data": "0x", "message": ""}))
@example(sent({"update": {"attribute": {"extended-community": [{"value": 1 << 64}]}, "announce": ANNOUNCED}}))
@example(HUGE)
@example("9" * 5000)
def test_a_line_tells_an_event_or_nothing_or_is_no_event(text: str) -> None:
    engine = Engine()
    engine.desire(Speaker({"tor": SESSION}), {})
    for read in (*EVENTS[:4], text, *EVENTS):
        try:
            event = wire.event(read)
        except ValueError:
            assert read is text
            continue
        if event is not None:
            engine.fold(event, NOW)
        list(engine.steps())
        repr(engine.status(connected=True))


@given(spoilt(HELD) | st.text())
@example(BOTTOMLESS)
@example(HELD.replace("origin:65001:0.0.0.5", "0x40"))
@example(HELD.replace("origin", "soo"))
def test_a_route_that_is_held_is_read_or_is_none(text: str) -> None:
    try:
        hash(tuple(attributes for table in wire.tables([text]).values() for attributes in table.values()))
    except ValueError:
        assert text != HELD


@given(spoilt(NEIGHBORS) | st.text())
@example(BOTTOMLESS)
def test_neighbors_are_read_or_are_none(text: str) -> None:
    try:
        found = wire.snapshots(text)
        repr(wire.counts(text))
    except ValueError:
        assert text != NEIGHBORS
        return
    engine = Engine()
    engine.desire(Speaker({"tor": SESSION}), {})
    engine.adopt(found, {}, NOW)
    repr(engine.status(connected=True))


@given(
    st.lists(
        st.text() | st.sampled_from(["neighbor 10.77.0.100 {", "neighbor x {", '\tdescription "0123456789abcdef";'])
    )
)
def test_any_configuration_that_is_shown_is_read_or_is_none(lines: list[str]) -> None:
    try:
        stamps, interfaces = config.running(lines)
    except ValueError:
        return
    assert interfaces.keys() <= stamps.keys()
