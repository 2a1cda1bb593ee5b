"""Keeps one BFD process running: a new one is a fork, which takes milliseconds, so that routers see no interruption.

All modules are loaded before the first fork. The supervisor has no thread and no event loop of its own.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from types import FrameType

import structlog

_LOG = structlog.get_logger(__name__)
_STABLE_SECONDS = 10.0
"""After a run of this length the next process starts at once."""
_DELAYS = (0.0, 0.0, 0.0, 0.5, 1.0, 5.0)
"""Seconds before the next start, for each unstable run in a row."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_PR_SET_PDEATHSIG = 1
"""From the kernel's linux/prctl.h."""


class Supervisor:
    """Runs `work` in a child process, again whenever that ends, until SIGTERM or SIGINT."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._child = 0
        self._ending = False

    def run(self) -> None:
        """Return once a signal came and the child has ended."""
        for number in _SIGNALS:
            signal.signal(number, self._end)
        unstable = 0
        while not self._ending:
            began = time.monotonic()
            code = self._run_once()
            if self._ending:
                break
            unstable = 0 if time.monotonic() - began >= _STABLE_SECONDS else unstable + 1
            delay = _DELAYS[min(max(unstable, 1), len(_DELAYS)) - 1]
            _LOG.warning("bfd_exited", code=code, restart_in_s=delay)
            time.sleep(delay)

    def _run_once(self) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        child = os.fork()
        if not child:
            self._become_child()
        self._child = child
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        _, status = os.waitpid(child, 0)
        self._child = 0
        return os.waitstatus_to_exitcode(status)

    def _become_child(self) -> None:
        code = 1
        try:
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            self._work()
            code = 0
        except Exception:  # noqa: BLE001 - the log must name the reason
            _LOG.exception("bfd_crashed")
        finally:
            os._exit(code)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self._ending = True
        _LOG.info("stopping", signal=signal.Signals(number).name)
        if self._child:
            os.kill(self._child, signal.SIGTERM)
