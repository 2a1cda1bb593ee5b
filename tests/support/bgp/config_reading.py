"""Reading configurations and commands with ExaBGP's own parser, in a process of its own: ExaBGP keeps global state."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

READER = Path(__file__).with_name("exabgp_reader.py")


class Reader:
    """ExaBGP's parser, while a `with` block lasts."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(READER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the parser's process."""
        self._process.communicate(timeout=60)

    def parse(self, configurations: Sequence[str], commands: Sequence[str]) -> dict[str, Any]:
        """Return what ExaBGP understands: by text, the neighbors of a configuration and the meaning of a command.

        What it does not take has a string instead: its complaint.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([list(configurations), list(commands)]) + "\n")
        self._process.stdin.flush()
        understood: dict[str, Any] = json.loads(self._process.stdout.readline())
        return understood


def parse(configurations: Sequence[str], commands: Sequence[str]) -> dict[str, Any]:
    """Read once; see `Reader.parse`."""
    with Reader() as reader:
        return reader.parse(configurations, commands)
