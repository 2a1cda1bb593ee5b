"""Starts the supervisor, a program of its own that has only modules of the standard library, and few of them.

A node runs it as long as it is up: it takes 6 MB of memory, and 30 MB with the modules that read the settings.
"""

import os
import signal
import sys
from typing import NoReturn

from exalb_bgp.exabgp.options import environment
from exalb_bgp.exabgp.settings import EngineSettings


def command(settings: EngineSettings, level: str = "info", form: str = "json") -> list[str]:
    """Return the command of the supervisor; `level` and `form` (json or console) are those of its own log."""
    return [sys.executable, "-m", "exalb_bgp.exabgp.supervisor", str(settings.directory), level, form]


def become_supervisor(settings: EngineSettings, level: str = "info", form: str = "json") -> NoReturn:
    """Run the supervisor instead of this program, in the same process, until SIGTERM or SIGINT.

    Raises PermissionError where ExaBGP does not run as this user.
    """
    if os.getuid() != 0 and os.getgid() == 0:
        raise PermissionError(
            "ExaBGP does not run as an ordinary user in group 0: set runAsGroup of the pod to another group"
        )
    # A signal that comes now waits until the supervisor takes it; the first process of a container would lose it.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    os.execve(sys.executable, command(settings, level, form), environment(settings))  # noqa: S606 - no shell is wanted
