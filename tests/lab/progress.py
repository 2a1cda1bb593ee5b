"""Long commands, run so that nobody wonders whether they still live."""

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


class CommandError(RuntimeError):
    """A command ended badly; the message names it, its log and the log's last lines."""


def run(
    argv: Sequence[str | Path],
    *,
    say: Say,
    what: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    measure: Callable[[int], str] = lambda lines: "",  # noqa: ARG005
    whole: bool = False,
    every: float = EVERY,
) -> None:
    """Run a command with all its output in `log`, telling `every` so many seconds how long `what` has been at work.

    `measure` turns the number of lines that the command has printed into a few words on how far it is.
    `env` is added to our own environment. The command ends with us, whatever ends us, unless it must be run `whole`,
    because half of it is worse than none. Raises CommandError when the command ends with anything but 0.
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
            with _telling(say, what, log, measure, every):
                status = process.wait()
        finally:
            if not whole:
                process.terminate()
            process.wait()
    if status != 0:
        command = " ".join(str(argument) for argument in argv)
        raise CommandError(f"{what} failed (status {status}): {command}\nThe end of {log}:\n{_tail(log)}")


@contextlib.contextmanager
def _telling(say: Say, what: str, log: Path, measure: Callable[[int], str], every: float) -> Iterator[None]:
    done, begun = threading.Event(), time.monotonic()

    def tell() -> None:
        while not done.wait(every):
            lines = log.read_bytes().count(b"\n")
            say(" ".join(f"{what}: {time.monotonic() - begun:.0f} s {measure(lines)}".split()))

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-20:]
    return "\n".join(f"    {line}" for line in lines)
