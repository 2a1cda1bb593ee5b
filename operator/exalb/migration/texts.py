"""The texts of a migration: its report, its steps and how far they are. Pure."""

from collections.abc import Iterator, Mapping

from exalb.migration.kept_addresses import KeptAddresses
from exalb.migration.metallb import Migration
from exalb.migration.notes import Level, Note
from exalb.migration.way import Step

_MARKS = {True: "[x]", False: "[ ]", None: "[?]"}


def report(migration: Migration, kept: KeptAddresses | None) -> Iterator[str]:
    """Yield the lines of the report; `kept` is None if the input has no Services."""
    yield f"read from MetalLB: {_counts(migration.read)}"
    made: dict[str, int] = {}
    for raw in migration.objects:
        made[raw["kind"]] = made.get(raw["kind"], 0) + 1
    yield f"written for ExaLB: {_counts(made)}"
    if kept is None:
        yield "addresses: not compared, because the input has no Services"
    else:
        yield f"addresses: {kept.kept} of {kept.services} Services with an address of MetalLB's pools keep it"
    yield from map(str, notes(migration, kept))


def notes(migration: Migration, kept: KeptAddresses | None) -> list[Note]:
    """Return all notes, the most important first."""
    return sorted({*migration.notes, *(kept.notes if kept else ())}, key=lambda note: note.order)


def is_complete(migration: Migration, kept: KeptAddresses | None) -> bool:
    """Whether everything is migrated, and every Service keeps its address."""
    return not any(note.level is Level.NOT_MIGRATED for note in notes(migration, kept))


def steps(way: tuple[Step, ...]) -> Iterator[str]:
    """Yield the steps with all their commands, and those that go back."""
    for number, step in enumerate(way, 1):
        yield f"{number}. {step.title}"
        yield from (f"     {command}" for command in step.commands)
        yield "   back:" if step.back else "   no way back, except to install MetalLB again"
        yield from (f"     {command}" for command in step.back)
    yield "After each step: exalb migrate metallb --check"


def progress(way: tuple[Step, ...]) -> Iterator[str]:
    """Yield for each step whether it is done and what it lacks, and then the commands of the next one."""
    for number, step in enumerate(way, 1):
        yield f"{_MARKS[_done(step)]} {number}. {step.title}"
        yield from (f"       {line}" for line in step.lacks or ())
    following = next((step for step in way if _done(step) is False), None)
    if following is None:
        yield "the migration is complete"
        return
    yield f"next: {following.title}"
    yield from (f"  {command}" for command in following.commands)


def is_finished(way: tuple[Step, ...]) -> bool:
    """Whether no step is left."""
    return all(_done(step) is not False for step in way)


def _done(step: Step) -> bool | None:
    return None if step.lacks is None else not step.lacks


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"
