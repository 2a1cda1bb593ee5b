"""Measure ExaLB in a lab of its own: `python -m tests.bench [--only NAME …] [--quick] [--json FILE] [--keep]`."""

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from rich.console import Console

from tests.bench import announcements, bulk, first_answer, footprint, report, starts, writes
from tests.bench.figures import Figure, load_average
from tests.bench.rig import QUICK, Rig, Sizes
from tests.lab import exalb
from tests.lab.api import ApiError
from tests.lab.cluster import ESTIMATE, Lab
from tests.lab.narration import Narration

NAME = "bench"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something to measure, and what must be there before."""

    run: Callable[[Rig], Iterator[Figure]]
    services: Callable[[Sizes], int] = lambda sizes: 0  # noqa: ARG005 - as the others
    """How many Services are there already."""
    installed: bool = True
    at_rest: bool = True
    """Whether it begins when ExaLB has nothing left to write."""


OTHERS: Callable[[Sizes], int] = attrgetter("others")
MOST: Callable[[Sizes], int] = attrgetter("most")

SCENARIOS = {
    "floor": Scenario(bulk.floor, installed=False),
    "first-answer": Scenario(first_answer.first_answer, installed=False),
    "idle": Scenario(footprint.idle),
    "idle-hold-time": Scenario(footprint.idle_short_hold_time),
    "created": Scenario(announcements.created),
    "readiness": Scenario(announcements.readiness),
    "bulk": Scenario(bulk.at_once),
    "idle-others": Scenario(footprint.idle, services=OTHERS),
    "created-others": Scenario(announcements.created_after_deletion, services=OTHERS),
    "readiness-others": Scenario(announcements.readiness, services=OTHERS),
    "deletion": Scenario(writes.deletion, services=OTHERS),
    "controller-rollout": Scenario(writes.controller_rollout, services=OTHERS),
    "speakers-killed": Scenario(writes.speakers_killed, services=OTHERS),
    "speakers-rollout": Scenario(writes.speakers_rollout, services=OTHERS),
    "bulk-most": Scenario(bulk.most_at_once),
    "idle-most": Scenario(footprint.idle, services=MOST),
    "created-most": Scenario(announcements.created_after_deletion, services=MOST),
    "readiness-most": Scenario(announcements.readiness, services=MOST),
    "start-most": Scenario(starts.speakers_start, services=MOST),
    "deleted-most": Scenario(bulk.most_deleted, services=MOST, at_rest=False),
}
"""In the order in which they need the least of each other's leavings."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = report.parser("tests.bench", __doc__, SCENARIOS)
    parser.add_argument("--quick", action="store_true", help="few tries and few Services: to see that it works")
    parser.add_argument("--keep", action="store_true", help="use the lab that an earlier --keep left, and leave it")
    options = parser.parse_args(arguments)
    console = Console()
    lab = Lab(NAME, Narration(console))
    try:
        _bring_up(lab)
        if options.keep:
            lab.stay()
        figures, failed = _measure(lab, options.only, QUICK if options.quick else Sizes())
    finally:
        if not options.keep:
            lab.down()
    for name in failed:
        console.print(f"{name} was not measured: its error is above")
    return report.publish(figures, options.json) or int(bool(failed))


def _bring_up(lab: Lab) -> None:
    if not lab.is_up:
        lab.narration.title(f"A lab to measure in: {ESTIMATE}")
        lab.up()
    elif exalb.is_installed(lab):
        exalb.reload(lab)


def _measure(lab: Lab, names: Sequence[str], sizes: Sizes) -> tuple[list[Figure], list[str]]:
    """Return the figures, and the scenarios that failed: the others are measured nevertheless."""
    figures: list[Figure] = []
    failed: list[str] = []
    with Rig(lab, sizes) as rig:
        for name in names:
            try:
                figures += _measure_one(rig, name)
            except Exception:  # noqa: BLE001 - whatever it is, an hour of other measures is not lost by it
                traceback.print_exc()
                failed.append(name)
                with contextlib.suppress(ApiError, OSError):  # then the next one fails, and what was measured stays
                    rig.services.clear()
    return figures, failed


def _measure_one(rig: Rig, name: str) -> list[Figure]:
    scenario, narration = SCENARIOS[name], rig.narration
    narration.title(f"{name}: {scenario.run.__doc__}")
    with narration.step("make ready"):
        _prepare(rig, scenario)
    before = load_average()
    with narration.step("measure"):
        found = list(scenario.run(rig))
    figures = [replace(figure, load=(before, load_average())) for figure in found]
    for figure in figures:
        narration.say(f"{figure.key}: {report.shown(figure)} {figure.unit}")
    return figures


def _prepare(rig: Rig, scenario: Scenario) -> None:
    if not scenario.installed:
        rig.uninstall()
        return
    rig.install()
    rig.services.fill(scenario.services(rig.sizes))
    if scenario.at_rest:
        rig.settle()


if __name__ == "__main__":
    sys.exit(main())
