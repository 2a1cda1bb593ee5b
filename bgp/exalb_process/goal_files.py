"""Files that a process and its clients share, in a directory that only their user and group may enter."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

Goal = TypeVar("Goal")

LONGEST_LINE = 1 << 22
"""Octets of a goal or a status."""


@dataclass(frozen=True, slots=True)
class GoalFiles:
    """The files of one process."""

    name: ClassVar[str]
    """The name of the process, in its socket and its log."""
    directory: Path

    @property
    def socket(self) -> Path:
        """The unix socket on which the process takes its goal and gives its status, a line of JSON each."""
        return self.directory / f"{self.name}.sock"

    @property
    def goal(self) -> Path:
        """The last goal: a new process continues with it, even while nobody is connected."""
        return self.directory / "goal.json"
