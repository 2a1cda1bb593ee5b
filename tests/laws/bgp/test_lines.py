"""Any line from the API of ExaBGP is an event, is ignored, or raises ValueError, and causes no later error."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from exalb_bgp.exabgp import config_text
from exalb_bgp.exabgp.driver import api_lines
from exalb_bgp.session import Session
from exalb_bgp.speaker import Speaker
from exalb_bgp.speaker_sync import SpeakerSync
from tests.support.bgp.api_lines import ANNOUNCED, COUNTERS, EVENTS, HELD, NEIGHBORS, line, sent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session("tor", IPv4Address("10.77.0.100"), 64512, 64513, IPv4Address("10.77.0.11"))
BOTTOMLESS = '{"neighbor": ' + "[" * 200_000
HUGE = f'{{ "exabgp": "{"x" * 3_000_000}", "neighbor": null }}'

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["0x", "::", "up"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["nlri", "value", "eor"]), inner),
    max_leaves=4,
)


def spots(tree: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every part of a value."""
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
    """Draw a line of ExaBGP with parts replaced, cut off, or joined with another line."""
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
def test_line_is_event_or_ignored_or_malformed(text: str) -> None:
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": SESSION}), {})
    for read in (*EVENTS[:4], text, *EVENTS):
        try:
            event = api_lines.event(read)
        except ValueError:
            assert read is text
            continue
        if event is not None:
            sync.handle_event(event, NOW)
        list(sync.steps())
        repr(sync.status(connected=True, now=NOW))


@given(spoilt(HELD) | st.text())
@example(BOTTOMLESS)
@example(HELD.replace("origin:65001:0.0.0.5", "0x40"))
@example(HELD.replace("origin", "soo"))
def test_held_route_is_parsed_or_malformed(text: str) -> None:
    try:
        hash(tuple(attributes for table in api_lines.tables([text]).values() for attributes in table.values()))
    except ValueError:
        assert text != HELD


@given(spoilt(NEIGHBORS) | st.text())
@example(BOTTOMLESS)
def test_neighbors_are_parsed_or_malformed(text: str) -> None:
    try:
        found = api_lines.snapshots(text)
    except ValueError:
        assert text != NEIGHBORS
        return
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": SESSION}), {})
    sync.adopt(found, {}, NOW)
    repr(sync.status(connected=True, now=NOW))


@given(spoilt(COUNTERS) | st.text())
@example(BOTTOMLESS)
@example("9" * 5000)
def test_counters_are_parsed_or_malformed(text: str) -> None:
    try:
        repr(api_lines.counters(text))
    except ValueError:
        assert text != COUNTERS


@given(
    st.lists(
        st.text() | st.sampled_from(["neighbor 10.77.0.100 {", "neighbor x {", '\tdescription "0123456789abcdef";'])
    )
)
def test_shown_configuration_is_parsed_or_malformed(lines: list[str]) -> None:
    try:
        stamps, interfaces = config_text.read_running(lines)
    except ValueError:
        return
    assert interfaces.keys() <= stamps.keys()
