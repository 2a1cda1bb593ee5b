"""The child processes of the supervisor, and the signals that it waits for: one thread, and no event loop."""

import os
import select
import signal
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from types import FrameType

from exalb_bgp.exabgp.supervisor.log_lines import Log

_LOG = Log(__name__)
_PR_SET_PDEATHSIG = 1
"""From the kernel's linux/prctl.h."""
_OWN = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
"""The signals that the supervisor handles."""
_NOT_STARTED = 127
"""Exit code of a child that could not execute its program, as in a shell."""


class Child:
    """A child process, in a kernel session of its own."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        """Start it."""
        self.code: int | None = None
        """Its exit code, or the negative number of the signal that ended it; None while it runs."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _OWN)  # between fork and execve a signal would be lost
        self.pid = os.fork()
        if not self.pid:
            _become(command, environment)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _OWN)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal. Its process id is its own until `code` is known."""
        if self.code is None:
            os.kill(self.pid, number)


class Waiter:
    """Waits for conditions that signals and ended children make true; also takes the exit codes of all children.

    The helper of an ended ExaBGP becomes a child of the container's first process, which is this one. Signals write to
    a pipe. `sigtimedwait` would need none, but Python's returns a signal that never came if the process was stopped (by
    SIGSTOP, say) for longer than its timeout.
    """

    def __init__(self, ending: Sequence[signal.Signals]) -> None:
        """Take the signals in `ending` from now on, also those that were blocked and came before."""
        self.ended_by: str | None = None
        """The first signal that came."""
        self._woken, write_end = os.pipe()
        for end in (self._woken, write_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in ending:
            signal.signal(number, self._end)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # by default the kernel does not report it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self.ended_by = self.ended_by or signal.Signals(number).name

    def wait(self, seconds: float, condition: Callable[[], bool], child: Child | None = None) -> bool:
        """Wait until the condition is true, at most for `seconds`; return whether it is."""
        deadline = monotonic() + seconds
        while not condition():
            left = deadline - monotonic()
            if left <= 0:
                return False
            if select.select([self._woken], [], [], left)[0]:
                os.read(self._woken, 4096)
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
        for number in _OWN:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execve(command[0], command, environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        _LOG.error("cannot_run", error=str(error))
    finally:
        os._exit(_NOT_STARTED)
