"""The log of the supervisor: lines of the same form as those of the programs, without their packages."""

import json
import sys
import time

_LEVELS = ("debug", "info", "warning", "error")


class Log:
    """Writes the events of one module to standard error, a line for each."""

    least = "info"
    """The lowest level that is written."""
    form = "json"
    """JSON lines for programs, or `console` for people."""

    def __init__(self, name: str) -> None:
        self._name = name

    def info(self, event: str, **values: object) -> None:
        """Write about normal operation."""
        self._write("info", event, values)

    def warning(self, event: str, **values: object) -> None:
        """Write about something that repairs itself."""
        self._write("warning", event, values)

    def error(self, event: str, **values: object) -> None:
        """Write about something that a person should see."""
        self._write("error", event, values)

    def _write(self, level: str, event: str, values: dict[str, object]) -> None:
        if _LEVELS.index(level) >= _LEVELS.index(Log.least):
            entry = {**values, "event": event, "level": level, "logger": self._name, "timestamp": _now()}
            if Log.form == "json":
                line = json.dumps(entry)
            else:
                words = [f"{name}={value}" for name, value in sorted(values.items())]
                line = " ".join([str(entry["timestamp"]), f"[{level:9}] {event:30} [{self._name}]", *words])
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _now() -> str:
    seconds, rest = divmod(time.time_ns() // 1000, 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:06}Z"
