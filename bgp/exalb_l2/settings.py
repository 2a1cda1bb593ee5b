"""The files of the L2 process."""

from exalb_process.goal_files import GoalFiles


class L2Settings(GoalFiles):
    """The files of one L2 process."""

    __slots__ = ()
    name = "l2"
