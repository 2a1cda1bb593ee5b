"""One event costs the same next to 1,000 Services and next to 10,000: in instructions, in memory, and in octets.

Counted, not timed, so that it holds on a busy machine. Instructions are those of Python; what is copied in C is seen in
memory, and what is read there in the reads of whole tables.
"""

import asyncio
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from exalb.model.patches import StatusWrite
from exalb_bgp.memory import MemoryDriver
from tests.support.counting import instructions, whole_reads
from tests.support.objects import Object
from tests.support.one_event import AController, ASpeaker, endpoints_of, objects, octets, service_of

FEW, MANY = 1_000, 10_000
ALIKE = 1.05
"""How much more an event may cost next to ten times as many Services; it is less than a fiftieth."""
REPORT = 0.5
"""Octets of a speaker's report for each other Service: 256 addresses have one entry, of some seventy octets."""
MEMORY = 3
"""Octets of memory for each other Service, since tables grow in steps: a copy of any table has eight at least."""
SPELLING = 10
"""Octets by which the numbers in names, addresses and versions may be longer."""
SPEAKER_EVENTS: dict[str, Callable[[int], Object]] = {
    "endpoint-unready": lambda number: endpoints_of(number, ready=False, serving=False),
    "service-moved": lambda number: {**service_of(number), "status": service_of(number + 50_000)["status"]},
    "service-label": lambda number: service_of(number, labels={"edited": "yes"}),
}
"""Events about Services of even numbers: one has an endpoint on n1 alone that is not unready."""
CONTROLLER_EVENTS: dict[str, Callable[[int], Object]] = {
    "service-label": lambda number: service_of(number, labels={"edited": "yes"}),
    "service-lost-address": lambda number: {**service_of(number), "status": {}},
    "service-new": lambda number: {**service_of(number + 50_000), "status": {}},
}


Said: TypeAlias = tuple[list[str], list[StatusWrite]]
"""Lines to the engine, and writes to the API server."""


class Cost(NamedTuple):
    """What an event costs."""

    work: int
    """Instructions of Python."""
    memory: int
    """The most octets of memory that it takes at one moment."""
    reads: int
    """Reads of whole tables with an entry for each Service."""
    lines: int
    """Octets to the engine."""
    patches: int
    """Octets to the API server."""


def cost(event: Callable[[int], Said], first: int) -> Cost:
    """Measure an event four times, each about another Service from the `first` on."""
    work, space = instructions(lambda: event(first)), memory(lambda: event(first + 2))
    reads = whole_reads(lambda: event(first + 4), FEW // 2)
    lines, writes = event(first + 6)
    return Cost(work, space, reads, len("\n".join(lines)), octets(writes))


def memory(function: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def costs(events: Mapping[str, Callable[[int], Object]], take: Callable[[Object], Said]) -> dict[str, Cost]:
    """Measure each event; the first of its kind is not measured, since it finds caches empty."""
    found = {}
    for number, (kind, make) in enumerate(events.items()):
        take(make(100 * number))
        found[kind] = cost(lambda number, make=make: take(make(number)), 100 * number + 2)  # type: ignore[misc]
    return found


async def speaker_costs(services: int) -> dict[str, Cost]:
    driver = MemoryDriver()
    task = asyncio.create_task(driver.run())
    await driver.settled()
    found = costs(SPEAKER_EVENTS, ASpeaker(objects(services), driver).event)
    task.cancel()
    return found


def controller_costs(services: int) -> dict[str, Cost]:
    controller = AController(objects(services))

    def take(raw: Object) -> Said:
        """Return the writes about this Service; those about earlier ones are still to be done."""
        return [], [write for write in controller.event(raw) if write.name == raw["metadata"]["name"]]

    return costs(CONTROLLER_EVENTS, take)


def check(few: Mapping[str, Cost], many: Mapping[str, Cost], report: float) -> None:
    """Compare the costs of each event; a report may have `report` octets for each Service."""
    for kind, cost in many.items():
        assert cost.work <= ALIKE * few[kind].work, kind
        assert cost.memory <= few[kind].memory + MEMORY * (MANY - FEW), kind
        assert cost.reads == 0, kind
        assert cost.lines <= few[kind].lines + SPELLING, kind
        assert cost.patches <= few[kind].patches + SPELLING + report * (MANY - FEW), kind


async def test_event_costs_a_speaker_no_more_next_to_ten_times_as_many() -> None:
    few, many = await speaker_costs(FEW), await speaker_costs(MANY)
    check(few, many, REPORT)
    assert [kind for kind, cost in many.items() if cost.lines] == ["endpoint-unready", "service-moved"]
    assert [kind for kind, cost in many.items() if cost.patches] == ["endpoint-unready", "service-moved"]


def test_event_costs_a_controller_no_more_next_to_ten_times_as_many() -> None:
    few, many = controller_costs(FEW), controller_costs(MANY)
    check(few, many, 0)
    assert [kind for kind, cost in many.items() if cost.patches] == ["service-lost-address", "service-new"]
