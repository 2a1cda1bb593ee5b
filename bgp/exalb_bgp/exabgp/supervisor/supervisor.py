"""Supervises one ExaBGP: starts it, restarts it when it exits or hangs, stops it without withdrawing routes."""

import os
import signal
import sys
from time import monotonic

from exalb_bgp.exabgp.directory import CONFIGURATION, create_configuration
from exalb_bgp.exabgp.supervisor.child import Child, Waiter
from exalb_bgp.exabgp.supervisor.log_lines import Log
from exalb_bgp.exabgp.supervisor.watchdog import Watchdog, observe

_LOG = Log(__name__)
_STABLE_SECONDS = 60.0
"""A run of this length was stable: the next start follows immediately."""
_RESTART_DELAYS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between an exit and the next start, for each unstable run in a row."""
_STOP_SECONDS = 5.0
"""ExaBGP has this long to exit before it is killed."""


class Supervisor:
    """Keeps ExaBGP running until SIGTERM or SIGINT; then stops it without a NOTIFICATION.

    Peers with graceful restart (RFC 4724) keep the routes for the restart time.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._waiter = Waiter((signal.SIGTERM, signal.SIGINT))
        self._watchdog = Watchdog()

    def run(self) -> None:
        """Return once a signal came and ExaBGP ended. Raises OSError if no configuration can be written."""
        unstable = 0
        while not self._is_ending():
            create_configuration(self._directory)
            began = monotonic()
            self._watchdog.begin()
            code = self._run_once()
            if self._is_ending():
                return
            lasted = monotonic() - began
            if lasted >= _STABLE_SECONDS and not self._watchdog.killed:
                unstable = 0
                self._watchdog.reset()
            else:
                unstable += 1
            delay = _RESTART_DELAYS[min(unstable, len(_RESTART_DELAYS)) - 1] if unstable else 0.0
            _LOG.warning("exabgp_exited", code=code, ran_s=round(lasted, 1), unstable_runs=unstable, restart_in_s=delay)
            if self._waiter.wait(delay, self._is_ending):
                _LOG.info("stopping", signal=self._waiter.ended_by)

    def _is_ending(self) -> bool:
        return self._waiter.ended_by is not None

    def _run_once(self) -> int | None:
        """Run ExaBGP once and return its exit code."""
        path = os.path.join(self._directory, CONFIGURATION)
        child = Child([sys.executable, "-m", "exalb_bgp.exabgp.server", path], os.environ)
        _LOG.info("exabgp_started", pid=child.pid)
        while not self._waiter.wait(
            self._watchdog.interval, lambda: child.code is not None or self._is_ending(), child
        ):
            self._watch(child)
        if child.code is None:
            _LOG.info("stopping", signal=self._waiter.ended_by)
            self._end(child)
        return child.code

    def _watch(self, child: Child) -> None:
        """Kill an ExaBGP that runs but does not work; wait longer for the next one."""
        if not self._watchdog.killed and (wait := self._watchdog.check(observe(child.pid))):
            waited = self._watchdog.limit(wait)
            self._watchdog.grow(wait)
            _LOG.error(
                "exabgp_killed",
                pid=child.pid,
                waited_for=wait.value,
                waited_s=waited,
                next_limit_s=self._watchdog.limit(wait),
            )
            child.send(signal.SIGKILL)

    def _end(self, child: Child) -> None:
        """Stop ExaBGP, which closes its connections without a NOTIFICATION, and wait for it."""
        child.send(signal.SIGTERM)
        if not self._waiter.wait(_STOP_SECONDS, lambda: child.code is not None, child):
            _LOG.warning("exabgp_killed", pid=child.pid, waited_for="ExaBGP to exit", waited_s=_STOP_SECONDS)
            child.send(signal.SIGKILL)
            self._waiter.wait(_STOP_SECONDS, lambda: child.code is not None, child)
