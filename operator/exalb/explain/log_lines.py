"""Finds the decisions about one Service in the logs of all programs. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from exalb.model.cluster import Key

_LEFT_OUT = ("timestamp", "level", "logger", "event", "service", "services", "node")


class LogLine(NamedTuple):
    """One line of one log."""

    time: str
    source: str
    event: str
    text: str


def lines_about(logs: Iterable[tuple[str, str]], key: Key) -> list[LogLine]:
    """Return the lines about a Service in logs of JSON lines, given as source and text, the oldest first."""
    return sorted(line for source, text in logs for line in _of_log(source, text, str(key)))


def _of_log(source: str, text: str, service: str) -> Iterator[LogLine]:
    for line in text.splitlines():
        if service not in line:
            continue
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        if isinstance(fields, dict) and _is_about(fields, service):
            rest = " ".join(f"{name}={value}" for name, value in fields.items() if name not in _LEFT_OUT)
            yield LogLine(str(fields.get("timestamp", "")), source, str(fields.get("event", "")), rest)


def _is_about(fields: Mapping[str, Any], service: str) -> bool:
    listed = fields.get("services")
    if fields.get("service") == service or (isinstance(listed, list) and service in listed):
        return True
    return fields.get("key") == service or fields.get("name") == service
