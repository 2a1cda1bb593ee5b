"""Settings that the L2 process and its clients share: files in a directory that only their user may enter."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class L2Settings:
    """The settings of one L2 process."""

    directory: Path

    @property
    def socket(self) -> Path:
        """The unix socket on which the process takes its goal and gives its status, a line of JSON each."""
        return self.directory / "l2.sock"

    @property
    def goal(self) -> Path:
        """The last goal: a new process continues with it, even while nobody is connected."""
        return self.directory / "goal.json"
