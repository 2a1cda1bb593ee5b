"""Closes the memory of this process, which holds passwords or tokens, to other processes of the same user."""

import ctypes
import resource

_PR_SET_DUMPABLE = 4
"""From the kernel's linux/prctl.h."""


def close_memory() -> None:
    """Write no core file, and let nobody but root read the memory, environment and files of this process in /proc.

    Many images run as the same user. A program that is executed instead of this one has to do it again.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)
