"""Events that repeat are one Event with a count: what is joined, what is not, and how often that is written."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from exalb.kube.client import ApiError, Json, NotFoundError, RefusedError, UnavailableError
from exalb.kube.event_recorder import WAITING, EventRecorder
from exalb.kube.event_series import COMBINED, REMEMBERED, TEXTS, WINDOW, EventSeries, Series
from exalb.model.patches import EventDraft
from tests.lab import wait

DOWN = EventDraft(
    "BGPPeer", "exalb.io/v1beta1", None, "tor", "u1", "Warning", "SessionsDown", "0 of 1 sessions", "Connect"
)
FORBIDDEN = RefusedError("may not", 403, "Forbidden")
START = datetime(2026, 1, 5, 9, tzinfo=UTC)


def note(book: EventSeries, now: float, draft: EventDraft = DOWN) -> Series:
    """Count an event at a time in seconds."""
    return book.note(draft, START + timedelta(seconds=now), now)


def test_what_repeats_is_one_series() -> None:
    book = EventSeries()
    first = note(book, 0.0)
    assert note(book, WINDOW) is first
    assert note(book, 2 * WINDOW) is first
    assert (first.count, first.began, first.last) == (3, START, START + timedelta(seconds=2 * WINDOW))


def test_series_is_over_after_a_quiet_time() -> None:
    book = EventSeries()
    first = note(book, 0.0)
    assert note(book, WINDOW + 1) is not first


def test_text_that_was_not_said_for_long_begins_a_series_beside_one_that_goes_on() -> None:
    book = EventSeries()
    other = replace(DOWN, message="0 of 2 sessions")
    first = note(book, 0.0)
    for now in (WINDOW / 2, WINDOW, WINDOW * 1.5):
        note(book, now, other)
    assert note(book, WINDOW * 1.5) is not first


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "BGPSpeaker"},
        {"name": "other"},
        {"namespace": "shop"},
        {"uid": "u2"},
        {"type": "Normal"},
        {"reason": "AllEstablished"},
        {"action": "Validate"},
        {"message": "0 of 2 sessions"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_differs_is_another_series(change: dict[str, Any]) -> None:
    book = EventSeries()
    assert note(book, 0.0) is not note(book, 1.0, replace(DOWN, **change))


def test_many_texts_of_one_reason_are_counted_together() -> None:
    """The Event that counts them has no text of theirs: it could not change, and its time would be that of another."""
    book = EventSeries()
    found = [note(book, 0.0, replace(DOWN, message=f"{number} of 9")) for number in range(9)]
    assert len({id(series) for series in found}) == TEXTS + 1
    assert (found[-1].draft.message, found[-1].count) == (COMBINED, 9 - TEXTS)
    assert note(book, 1.0, replace(DOWN, message="0 of 9")) is found[0], "a known text keeps its own"


def test_memory_is_bounded() -> None:
    book = EventSeries()
    first = note(book, 0.0)
    for number in range(REMEMBERED - 1):
        note(book, 1.0, replace(DOWN, name=f"p{number}"))
    assert note(book, 2.0) is first
    note(book, 3.0, replace(DOWN, name="one more"))
    assert len(book) == REMEMBERED
    assert note(book, 4.0) is first, "who was silent for longest is forgotten first"


def test_what_is_over_is_forgotten() -> None:
    book = EventSeries()
    for number in range(9):
        note(book, 0.0, replace(DOWN, name=f"p{number}"))
    note(book, WINDOW + 1)
    assert len(book) == 1


class Server:
    """Takes events in memory; `refusal` is what it answers to a count, `failure` to everything."""

    def __init__(self) -> None:
        self.refusal: ApiError | None = None
        self.failure: ApiError | None = None
        self.events: dict[str, Json] = {}
        self.writes = self.refused = 0
        self.asked, self.answers = asyncio.Event(), asyncio.Event()
        self.answers.set()

    async def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """Create an Event."""
        self.asked.set()
        await self.answers.wait()
        if self.failure:
            raise self.failure
        self.writes += 1
        self.events[f"{path}/{body['metadata']['name']}"] = dict(body)
        return dict(body)

    async def patch(self, path: str, body: Mapping[str, Any], media_type: str) -> Json:
        """Change an Event."""
        if error := self.failure or self.refusal:
            self.refused += 1
            raise error
        self.writes += 1
        self.events[path].update(body)
        return {**self.events[path], "type": media_type}

    def has(self, counts: list[int]) -> bool:
        """Whether there are Events with these counts."""
        return self.counts == counts

    @property
    def counts(self) -> list[int]:
        """The count of each Event, the oldest first."""
        return [event.get("series", {}).get("count", 1) for event in self.events.values()]


@contextlib.asynccontextmanager
async def running(recorder: EventRecorder) -> AsyncIterator[None]:
    """Have a recorder post during the test."""
    task = asyncio.create_task(recorder.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def reached(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    await asyncio.to_thread(wait.until, "the server has it", condition)


async def bounded(waiting: Awaitable[object]) -> None:
    """Wait, but not for ever."""
    async with asyncio.timeout(20):
        await waiting


async def test_storm_is_one_event_and_few_writes() -> None:
    server = Server()
    recorder = EventRecorder(server, "exalb.io/test", "here")
    async with running(recorder):
        recorder.post(DOWN)
        await bounded(recorder.posted())
        assert "series" not in next(iter(server.events.values()))
        recorder.post(DOWN)
        await reached(lambda: server.counts == [2])
        for _ in range(1_000):
            recorder.post(DOWN)
        recorder.post(replace(DOWN, name="other"))
        await bounded(recorder.posted())
        assert server.writes == 3, "the next count is written later"


async def test_count_is_written_though_nothing_more_happens() -> None:
    server = Server()
    recorder = EventRecorder(server, "exalb.io/test", "here", count_seconds=0.2)
    async with running(recorder):
        for _ in range(5):
            recorder.post(DOWN)
        await bounded(recorder.posted())
        assert (server.counts, server.writes) == ([5], 1), "what waits is written as it is by then"
        recorder.post(DOWN)
        recorder.post(DOWN)
        await reached(lambda: server.counts == [7])
        assert server.writes == 2
    [event] = server.events.values()
    assert event["series"]["lastObservedTime"] > event["eventTime"]


async def test_what_happens_during_a_write_is_counted_after_it() -> None:
    server = Server()
    server.answers.clear()
    recorder = EventRecorder(server, "exalb.io/test", "here")
    async with running(recorder):
        recorder.post(DOWN)
        await bounded(server.asked.wait())
        recorder.post(DOWN)
        server.answers.set()
        await reached(partial(server.has, [2]))


@pytest.mark.parametrize(
    "refusal",
    [NotFoundError("gone", 404, "NotFound"), FORBIDDEN],
    ids=["gone", "rights"],
)
async def test_event_that_takes_no_count_is_followed_by_a_new_one(refusal: ApiError) -> None:
    server = Server()
    server.refusal = refusal
    recorder = EventRecorder(server, "exalb.io/test", "here", count_seconds=0.05)
    async with running(recorder):
        for count, counts in ((3, [3]), (2, [3, 2])):
            for _ in range(count):
                recorder.post(DOWN)
            await reached(partial(server.has, counts))


async def test_storm_without_the_right_to_count_is_few_requests() -> None:
    server = Server()
    server.refusal = FORBIDDEN
    recorder = EventRecorder(server, "exalb.io/test", "here", count_seconds=60.0)
    async with running(recorder):
        recorder.post(DOWN)
        await bounded(recorder.posted())
        recorder.post(DOWN)
        await bounded(recorder.posted())
        for _ in range(100):
            recorder.post(DOWN)
            await bounded(recorder.posted())
        assert (server.counts, server.refused) == ([1, 1], 1), "the next is written later"


async def test_missing_right_to_count_is_logged_once() -> None:
    server = Server()
    server.refusal = FORBIDDEN
    recorder = EventRecorder(server, "exalb.io/test", "here", count_seconds=0.01)
    with capture_logs() as lines:
        async with running(recorder):
            for events in range(1, 5):
                recorder.post(DOWN)
                await reached(partial(server.has, [1] * events))
    assert [line["error"] for line in lines if line["event"] == "event_count_refused"] == ["may not"]


async def test_event_that_is_not_posted_is_posted_when_it_happens_again() -> None:
    server, outcomes = Server(), list[str]()
    server.failure = UnavailableError("away")
    recorder = EventRecorder(server, "exalb.io/test", "here", count=outcomes.append)
    async with running(recorder):
        recorder.post(DOWN)
        await bounded(recorder.posted())
        server.failure = None
        recorder.post(DOWN)
        await bounded(recorder.posted())
        assert (server.counts, outcomes) == ([1], ["failed", "posted"])


async def test_event_that_is_dropped_is_posted_when_it_happens_again() -> None:
    server, outcomes = Server(), list[str]()
    recorder = EventRecorder(server, "exalb.io/test", "here", count=outcomes.append)
    for number in range(WAITING + 1):
        recorder.post(replace(DOWN, name=f"p{number}"))
    last = replace(DOWN, name=f"p{WAITING}")
    recorder.post(last)
    assert outcomes == ["dropped", "dropped"], "it is no longer thought to wait"
