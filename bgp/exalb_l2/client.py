"""The client of the L2 process: gives it a goal, and reads what it announces."""

from dataclasses import replace

from exalb_l2.goal import Goal, L2Status, goal_line, status_of
from exalb_l2.settings import L2Settings
from exalb_process.goal_client import GoalClient


class L2Client(GoalClient[Goal]):
    """Keeps one L2 process at a goal."""

    def __init__(self, settings: L2Settings) -> None:
        super().__init__(settings)
        self._status = L2Status()

    def status(self) -> L2Status:
        """Return the last status; while the process starts again, `connected` is false."""
        return replace(self._status, connected=self.connected)

    def line(self, goal: Goal) -> str:
        """Return a goal as a line."""
        return goal_line(goal)

    def take(self, line: str) -> None:
        """Take a status."""
        self._status = status_of(line)
