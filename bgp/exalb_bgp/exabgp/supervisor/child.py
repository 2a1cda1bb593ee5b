"""The child processes of the supervisor, and the signals that it waits for: one thread, and no event loop."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from exalb_bgp.exabgp.supervisor.log_lines import Log

_LOG = Log(__name__)
_PR_SET_PDEATHSIG = 1
"""From the kernel's linux/prctl.h."""
_NOT_STARTED = 127
"""Exit code of a child that could not execute its program, as in a shell."""


class Child:
    """A child process, in a kernel session of its own."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        """Start it."""
        self.code: int | None = None
        """Its exit code, or the negative number of the signal that ended it; None while it runs."""
        self.pid = os.fork()
        if not self.pid:
            _become(command, environment)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal. Its process id is its own until `code` is known."""
        if self.code is None:
            os.kill(self.pid, number)


class Waiter:
    """Waits for conditions that signals and ended children make true; also takes the exit codes of all children.

    The helper of an ended ExaBGP becomes a child of the container's first process, which is this one.
    """

    def __init__(self, ending: Sequence[signal.Signals]) -> None:
        """Take the signals in `ending` from now on: they reach this process only while it waits."""
        self._ending = ending
        self.ended_by: str | None = None
        """The first signal that came."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (*ending, signal.SIGCHLD))

    def wait(self, seconds: float, condition: Callable[[], bool], child: Child | None = None) -> bool:
        """Wait until the condition is true, at most for `seconds`; return whether it is."""
        deadline = monotonic() + seconds
        while not condition():
            left = deadline - monotonic()
            if left <= 0:
                return False
            came = signal.sigtimedwait((*self._ending, signal.SIGCHLD), left)
            if came and came.si_signo != signal.SIGCHLD:
                self.ended_by = self.ended_by or signal.Signals(came.si_signo).name
            _reap(child)
        return True


def _reap(child: Child | None) -> None:
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if child and ended[0] == child.pid:
                child.code = os.waitstatus_to_exitcode(ended[1])
    except ChildProcessError:
        return


def _become(command: list[str], environment: Mapping[str, str]) -> None:
    """Execute a program in this process; the kernel kills it when its parent ends, even if it hangs."""
    try:
        import ctypes  # noqa: PLC0415 - the parent does without

        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execve(command[0], command, environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        _LOG.error("cannot_run", error=str(error))
    finally:
        os._exit(_NOT_STARTED)
