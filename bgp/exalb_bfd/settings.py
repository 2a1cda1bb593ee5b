"""The files of the BFD process."""

from exalb_process.goal_files import GoalFiles


class BfdSettings(GoalFiles):
    """The files of one BFD process."""

    __slots__ = ()
    name = "bfd"
