"""ExaBGP's log lines as JSON, without secrets."""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import ClassVar

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class JsonLogRecord(logging.LogRecord):
    """A line of the log: one JSON object without secrets."""

    secrets: ClassVar[set[str]] = set()

    def getMessage(self) -> str:  # noqa: N802  # the standard library's name
        """Return the object; ExaBGP puts the name of its module before the text."""
        part, _, words = _COLOUR.sub("", super().getMessage()).strip().partition(" ")
        for secret in sorted(self.secrets, key=len, reverse=True):  # one may be the beginning of another
            words = words.replace(secret, "***")
        moment = datetime.now(UTC).isoformat()
        entry = {"event": words.strip(), "level": self.levelname.lower(), "logger": f"exabgp.{part}"}
        return json.dumps(entry | {"timestamp": moment})


def crashed(kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
    """Log an uncaught exception, with the traceback in one line."""
    text = "".join(traceback.format_exception(kind, error, trace))
    logging.getLogger("exabgp").critical("crash %s", text)
