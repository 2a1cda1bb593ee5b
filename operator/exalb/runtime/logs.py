"""Logs: structlog for ourselves, and the standard library's loggers of our packages through the same renderer."""

import logging
import sys
from typing import Literal

import structlog

Format = Literal["json", "console"]
Level = Literal["debug", "info", "warning", "error"]


def configure(level: Level, form: Format) -> None:
    """Write all logs of this process to standard error, one line each."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    ending: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        # A plain traceback: the pretty one shows local variables, and with them tokens and passwords.
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # kopf logs a line for each event, and a warning that a thread handles no signals, which is intended.
    for noisy, least in (
        ("kopf", logging.WARNING),
        ("kopf._core.reactor.running", logging.ERROR),
        ("asyncio", logging.WARNING),
    ):
        logging.getLogger(noisy).setLevel(max(root.level, least))
