"""Long commands, with lines of progress while they run."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.lab.cache import Say

EVERY = 4.0
"""Seconds between two lines of progress."""

AGAIN = "If that is out of reach, run the same command again later: it continues where this one ended."


class CommandError(RuntimeError):
    """A command failed; the message has the command, its log file and the log's last lines."""


def run(
    argv: Sequence[str | Path],
    *,
    say: Say,
    what: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    measure: Callable[[int], str] = lambda lines: "",  # noqa: ARG005
    source: str = "",
    whole: bool = False,
    every: float = EVERY,
) -> None:
    """Run a command with all its output in `log`; report every `every` seconds how long `what` has run.

    `measure` turns the number of lines that the command has printed into a few words on how far it is.
    `env` is added to our own environment. The command ends with us, also when we are killed, except if it is `whole`:
    such a command must not be interrupted. `source` names where the command fetches from. Raises CommandError when the
    command ends with anything but 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            argv if whole else ["setpriv", "--pdeathsig=TERM", *argv],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
        )
        try:
            with _reporting(say, what, log, measure, every):
                status = process.wait()
        finally:
            if not whole:
                process.terminate()
            process.wait()
    if status != 0:
        command = " ".join(str(argument) for argument in argv)
        remedy = f"\nIt fetches from {source}. {AGAIN}" if source else ""
        raise CommandError(f"{what} failed (status {status}): {command}\nThe end of {log}:\n{_tail(log)}{remedy}")


@contextlib.contextmanager
def _reporting(say: Say, what: str, log: Path, measure: Callable[[int], str], every: float) -> Iterator[None]:
    done, begun = threading.Event(), time.monotonic()

    def report() -> None:
        while not done.wait(every):
            lines = log.read_bytes().count(b"\n")
            say(" ".join(f"{what}: {time.monotonic() - begun:.0f} s {measure(lines)}".split()))

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-20:]
    return "\n".join(f"    {line}" for line in lines)
