"""Notes of a migration: what ExaLB does differently, or does not have. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from exalb.api.schema import GROUP, VERSION
from exalb.api.unknown_fields import unknown_fields
from exalb.model.kinds import BY_NAME

Json = dict[str, Any]


class Level(Enum):
    """How much a note matters, as the first words of its line."""

    NOT_MIGRATED = "not migrated"
    """ExaLB has no counterpart, or the value is not valid: do something before you go on."""
    DIFFERENT = "differs"
    """ExaLB does it in another way: read it."""
    NOTE = "note"
    """It is as good as before."""


LEVELS = tuple(Level)


@dataclass(frozen=True, slots=True)
class Note:
    """A difference between an object and its migrated form."""

    level: Level
    kind: str
    name: str
    field: str
    """Path in the object; empty for the whole object."""
    message: str

    def __str__(self) -> str:
        """Write the note as one line."""
        return f"{self.level.value}: {' '.join(filter(None, (self.kind, self.name, self.field)))}: {self.message}"

    @property
    def order(self) -> tuple[int, str, str, str, str]:
        """Sort the most important first."""
        return LEVELS.index(self.level), self.kind, self.name, self.field, self.message


@dataclass(frozen=True, slots=True)
class About:
    """Makes the notes about one object."""

    kind: str
    name: str

    def lost(self, field: str, message: str) -> Note:
        """Return a note about something that is not migrated."""
        return Note(Level.NOT_MIGRATED, self.kind, self.name, field, message)

    def differs(self, field: str, message: str) -> Note:
        """Return a note about something that ExaLB does in another way."""
        return Note(Level.DIFFERENT, self.kind, self.name, field, message)

    def note(self, field: str, message: str) -> Note:
        """Return a note that is good to know."""
        return Note(Level.NOTE, self.kind, self.name, field, message)


def manifest(kind: str, name: str, spec: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> Json:
    """Return an object of ExaLB."""
    metadata: Json = {"name": name} | ({"labels": dict(labels)} if labels else {})
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": metadata, "spec": dict(spec)}


def checked(made: Iterable[Json]) -> Iterator[Json | Note]:
    """Yield the valid ones of these objects; of the others, a note for each mistake."""
    for raw in made:
        kind, name = raw["kind"], raw["metadata"]["name"]
        mistakes = (*BY_NAME[kind].parse(raw).invalid, *unknown_fields(raw))
        if not mistakes:
            yield raw
        for mistake in mistakes:
            message = f"is not valid in ExaLB, so the {kind} is not written: {mistake.message}"
            yield About(kind, name).lost(mistake.field, message)
