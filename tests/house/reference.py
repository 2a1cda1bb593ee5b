"""The generated pages of docs/reference: the fields of the custom resources, and the settings of the programs."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic_core import PydanticUndefined

from exalb.__main__ import PROGRAMS
from exalb.api.crd import definition
from exalb.api.definitions import RESOURCES, Resource
from exalb.api.schema import GROUP, VERSION

MADE = "<!-- Written by `make docs`. Edit the models' docstrings and the settings' descriptions instead. -->\n"
BOUNDS = (("minimum", "maximum", ""), ("minLength", "maxLength", " characters"), ("minItems", "maxItems", " items"))
"""The keywords for the lower and the upper bound, and the unit that they count."""
EVERYWHERE = {"apiVersion", "kind", "metadata"}
SELECTOR = {"matchLabels", "matchExpressions"}
"""The fields of a label selector, which the Kubernetes API explains."""


class Field(NamedTuple):
    """One field of a resource."""

    path: str
    schema: Mapping[str, Any]
    required: bool


def resources() -> str:
    """Return the page on the custom resources."""
    head = [
        MADE,
        "# Custom resources\n",
        f"Group `{GROUP}`, version `{VERSION}`, all cluster-scoped. Required fields are marked with *.",
        "The [reference](README.md) has the rules that hold among them.\n",
    ]
    return "\n".join([*head, *(part for resource in RESOURCES for part in _resource(resource))])


def _resource(resource: Resource) -> Iterator[str]:
    whole = definition(resource)["spec"]
    schema = whole["versions"][0]["schema"]["openAPIV3Schema"]
    yield f"## {resource.kind}\n"
    meaning = _text(schema["description"].partition(": ")[2])
    yield f"{meaning[0].upper()}{meaning[1:]}\n"
    columns = ", ".join(column["name"] for column in whole["versions"][0]["additionalPrinterColumns"])
    yield f"`kubectl get {resource.short}` shows: {columns}.\n"
    found = list(_fields("", schema))
    yield from _table([field for field in found if field.path.startswith("spec.")], defaults=True)
    yield from _refusals(schema["properties"].get("spec", {}), found)
    yield "Status:\n"
    yield from _table([field for field in found if field.path.startswith("status.")], defaults=False)


def _fields(path: str, schema: Mapping[str, Any]) -> Iterator[Field]:
    for name, child in schema.get("properties", {}).items():
        if not path and name in EVERYWHERE:
            continue
        here = f"{path}.{name}" if path else name
        if path:
            yield Field(here, child, name in schema.get("required", ()))
        yield from _fields(here, child)
        if name != "conditions" and not _selects(child):
            yield from _fields(f"{here}[]", child.get("items", {}))


def _selects(schema: Mapping[str, Any]) -> bool:
    return set(schema.get("items", {}).get("properties", {})) == SELECTOR


def _table(fields: list[Field], *, defaults: bool) -> Iterator[str]:
    if not fields:
        return
    lines = ["| field | type | default | meaning |" if defaults else "| field | type | meaning |"]
    lines.append("|---|---|---|---|" if defaults else "|---|---|---|")
    for field in fields:
        default = [_default(field.schema)] if defaults else []
        cells = [
            f"`{field.path}`{'*' * field.required}",
            _type(field.schema),
            *default,
            _text(field.schema["description"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    yield "\n".join([*lines, ""])


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("x-kubernetes-int-or-string"):
        return "seconds"
    kind = str(schema.get("type", "any"))
    names = {"string": "text", "integer": "number", "boolean": "true or false", "array": "list"}
    shown = schema.get("format") or names.get(kind, kind)
    if kind == "array" and not _selects(schema):
        shown = f"list of {_type(schema['items']).partition(',')[0]}s".replace("`s", "`")
    elif kind == "array":
        shown = "list of label selectors"
    bounds = [f"{_between(schema.get(low), schema[high])}{what}" for low, high, what in BOUNDS if high in schema]
    return ", ".join([shown, *bounds])


def _between(low: int | None, high: int) -> str:
    return f"at most {high}" if low is None else f"{low} to {high}"


def _default(schema: Mapping[str, Any]) -> str:
    if "default" not in schema or isinstance(schema["default"], dict):
        return ""
    value = schema["default"]
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"`{shown.lower() if isinstance(value, bool) else shown}`"


def _refusals(spec: Mapping[str, Any], fields: list[Field]) -> Iterator[str]:
    """Yield what `kubectl apply` refuses, in the words it uses."""
    rows = [(f"spec{rule.get('fieldPath', '')}", rule["message"]) for rule in _rules(spec)]
    for field in fields:
        rows += [(field.path, rule["message"]) for rule in _rules(field.schema)]
        rows += [(f"{field.path}[]", rule["message"]) for rule in _rules(field.schema.get("items", {}))]
    lines = [f"- `{path}` {_text(message)}" for path, message in dict.fromkeys(rows)]
    if lines:
        yield "\n".join(["`kubectl apply` refuses, in these words:\n", *lines, ""])


def _rules(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = schema.get("x-kubernetes-validations", [])
    return found


def _text(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def programs() -> str:
    """Return the page on the settings of the programs."""
    from exalb.programs import settings  # noqa: PLC0415 - the models of the other page need nothing of it

    head = [
        MADE,
        "# Programs\n",
        "The chart runs these. Each setting is a flag and an environment variable; the flag takes precedence.",
        "Exit codes: 0 after a signal to stop (SIGTERM), 1 when it cannot go on, 2 when a setting is wrong.\n",
    ]
    parts = []
    for name, (_, kind, _) in PROGRAMS.items():
        model = getattr(settings, kind)
        lines = ["| flag | variable | default | meaning |", "|---|---|---|---|"]
        for field, info in model.model_fields.items():
            flag = field.replace("_", "-")
            default = "required" if info.default is PydanticUndefined else f"`{_plain(info.default)}`"
            lines.append(f"| `--{flag}` | `EXALB_{field.upper()}` | {default} | {_text(info.description)} |")
        parts += [f"## `exalb {name}`\n", f"{_text(model.__doc__)}\n", "\n".join([*lines, ""])]
    return "\n".join([*head, *parts])


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "none" if value is None else str(value)
