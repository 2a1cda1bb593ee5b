"""Answers as JSON values. Pure."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from exalb.explain.answer import Answer, Step
from exalb.explain.status import Status


def answer_json(found: Answer) -> dict[str, Any]:
    """Return an answer as JSON values; `firstBroken` is the index of the first broken step, or null."""
    first = found.first_broken
    return {
        "subject": found.subject,
        "summary": found.summary,
        "firstBroken": found.steps.index(first) if first else None,
        "steps": [_step(step) for step in found.steps],
    }


def status_json(found: Status) -> dict[str, Any]:
    """Return the status as JSON values."""
    pairs = {name: _pair(getattr(found, name)) for name in ("speakers", "sessions", "prefixes", "services")}
    return {
        "good": found.is_good,
        "leader": found.leader,
        **pairs,
        "pools": [plain(pool) for pool in found.pools],
        "problems": [_step(step) for step in found.problems],
        "notes": [_step(step) for step in found.notes],
    }


def _pair(counts: tuple[int, int]) -> dict[str, int]:
    return {"good": counts[0], "total": counts[1]}


def _step(step: Step) -> dict[str, Any]:
    values: dict[str, Any] = plain(step)
    return values


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a value of dataclasses, enums and tuples as JSON values; an empty text is null."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {_camel(field.name): plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value if value != "" else None


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
