"""The table of the chart's values, made from the comments in values.yaml (`# -- what it is for`)."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

BEGIN, END = "<!-- values: begin -->\n", "<!-- values: end -->\n"


class Value(NamedTuple):
    """One setting of the chart."""

    path: str
    default: Any
    meaning: str


def values(path: Path) -> Iterator[Value]:
    """Yield every value that has a comment, in the order of the file."""
    data = yaml.safe_load(path.read_text())
    above: list[tuple[int, str]] = []
    meaning = ""
    for line in path.read_text().splitlines():
        if comment := re.fullmatch(r"\s*# -- (.+)", line):
            meaning = comment[1]
        elif meaning and (more := re.fullmatch(r"\s*# (.+)", line)):
            meaning += f" {more[1]}"
        elif key := re.fullmatch(r"( *)([A-Za-z0-9]+):.*", line):
            depth = len(key[1])
            above = [*(item for item in above if item[0] < depth), (depth, key[2])]
            if meaning:
                names = [name for _, name in above]
                yield Value(".".join(names), at(data, names), meaning)
            meaning = ""


def table(path: Path) -> str:
    """Return the values as a table in Markdown; their types are those of the schema."""
    schema = json.loads(path.with_name("values.schema.json").read_text())
    rows = [
        f"| `{value.path}` | {shown_type(schema, value.path)} | `{json.dumps(value.default)}` | {value.meaning} |"
        for value in values(path)
    ]
    return "\n".join(["| value | type | default | meaning |", "|---|---|---|---|", *rows, ""])


def shown_type(schema: Any, path: str) -> str:
    """Return the type of a value as the schema says it."""
    part = schema
    for name in path.split("."):
        part = resolved(schema, part["properties"][name])
    if "enum" in part:
        return "text"
    kinds = [part["type"]] if isinstance(part.get("type"), str) else part.get("type", ["integer", "string"])
    names = {
        "string": "text",
        "integer": "number",
        "number": "number",
        "boolean": "true or false",
        "array": "list",
        "object": "map",
    }
    return " or ".join(names[kind] for kind in kinds)


def resolved(schema: Any, part: Any) -> Any:
    """Return a part of the schema, or the definition that it refers to."""
    reference = part.get("$ref")
    return schema["$defs"][reference.rpartition("/")[2]] if reference else part


def with_table(text: str, made: str) -> str:
    """Return a README with the table in its place."""
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + made + END + rest.partition(END)[2]


def at(data: Any, names: list[str]) -> Any:
    """Return the value in `data` under a path of names."""
    for name in names:
        data = data[name]
    return data


def leaves(data: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every value that is no map, or an empty one."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    else:
        yield path
