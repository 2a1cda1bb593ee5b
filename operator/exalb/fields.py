"""Fields that a manifest has and our resources have not, which `kubectl apply` refuses. Pure.

What comes from the API server is read without this: it has dropped such fields, or knows more of them than we do.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from exalb.crd import RESOURCES, definition
from exalb.reasons import Invalid, Reason


def unknown(data: object, schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield what `data` has and the structural `schema` has not: where, its name, and what could stand there."""
    if isinstance(data, Mapping) and "properties" in schema:
        for key, value in data.items():
            if key in schema["properties"]:
                yield from unknown(value, schema["properties"][key], f"{path}.{key}".lstrip("."))
            else:
                yield path, str(key), tuple(schema["properties"])
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from unknown(value, schema.get("items", {}), f"{path}[{index}]")


@cache
def schemas() -> Mapping[str, Mapping[str, Any]]:
    """Return the structural schema of each of our resources by its kind."""
    return {
        resource.kind: definition(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for resource in RESOURCES
    }


def unknown_fields(raw: Mapping[str, Any]) -> tuple[Invalid, ...]:
    """Return what is no field of an object, if it is ours; its status is not what anybody writes into a manifest."""
    kind, name = raw["kind"], raw["metadata"]["name"]
    written = {key: value for key, value in raw.items() if key != "status"}
    return tuple(
        Invalid(kind, name, _within_spec(place, key), Reason.INVALID_SPEC, _sentence(kind, place, key, known))
        for place, key, known in unknown(written, schemas().get(kind, {}))
    )


def _within_spec(place: str, key: str) -> str:
    return f"{place}.{key}" if place else "spec"


def _sentence(kind: str, place: str, key: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "take it out"
    return f"{f'{place}.{key}'.lstrip('.')} is not a field of {kind}: {hint}"
