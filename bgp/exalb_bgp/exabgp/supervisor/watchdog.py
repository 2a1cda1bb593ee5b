"""Decides when an ExaBGP that runs but does not work is killed: it has no helper process, or it hangs.

It adds up the intervals of its checks, not the time of a clock, so that time in which the whole machine slept does not
count. A limit that was reached is doubled: an ExaBGP that is only slow must not be killed again and again.
"""

from enum import Enum

from exalb_bgp.exabgp.growing_limit import GrowingLimit

_INTERVAL = 1.0
"""Seconds between two checks while something is missing."""
_CALM_INTERVAL = 6.0
"""Seconds between two checks while ExaBGP works: longer than its loop sleeps, which then never seems to hang."""


class Wait(Enum):
    """The conditions that the watchdog waits for."""

    START = "ExaBGP to start its helper process"
    HELPER = "ExaBGP to restart its helper process"
    TURN = "ExaBGP to run its event loop"


class Observation:
    """The result of one check."""

    __slots__ = ("has_helper", "switches")

    def __init__(self, *, has_helper: bool, switches: int | None) -> None:
        self.has_helper = has_helper
        self.switches = switches
        """Context switches so far. ExaBGP makes some in each turn of its loop; None while it uses a processor."""


class Watchdog:
    """Adds up the seconds in which an ExaBGP did not work. Limits outlive the ExaBGP, sums do not (`begin`)."""

    def __init__(self) -> None:
        self._limits = {
            Wait.START: GrowingLimit(30, 240),
            Wait.HELPER: GrowingLimit(5, 80),
            Wait.TURN: GrowingLimit(15, 240),  # routers miss KEEPALIVEs after a hold time, 90 s by default
        }
        self.begin()

    def begin(self) -> None:
        """Watch another ExaBGP."""
        self.killed = False
        """Whether a limit was reached."""
        self.interval = _INTERVAL
        """Seconds from now to the next check."""
        self._seconds = dict.fromkeys(Wait, 0.0)
        self._helper_seen = False
        self._switches: int | None = None

    def check(self, observation: Observation) -> Wait | None:
        """Handle the result of one check; return the condition whose limit was reached, or None."""
        self._helper_seen |= observation.has_helper
        wait = Wait.HELPER if self._helper_seen else Wait.START
        # It may have ended a moment ago, so the time before the first check without it does not count.
        self._add(wait, 0.0 if observation.has_helper else _INTERVAL)
        hangs = observation.switches is not None and observation.switches == self._switches
        self._switches = observation.switches
        self._add(Wait.TURN, self.interval if hangs else 0.0)
        self.interval = _INTERVAL if hangs or not observation.has_helper else _CALM_INTERVAL
        return next((wait for wait, missing in self._seconds.items() if missing >= self._limits[wait].current), None)

    def limit(self, wait: Wait) -> float:
        """Return how many seconds something may be missing."""
        return self._limits[wait].current

    def grow(self, wait: Wait) -> None:
        """Double a limit that was reached."""
        self.killed = True
        self._limits[wait].grow()

    def reset(self) -> None:
        """Return to the first limits."""
        for limit in self._limits.values():
            limit.reset()

    def _add(self, wait: Wait, seconds: float) -> None:
        """Add seconds in which something was missing; with none the sum begins again."""
        self._seconds[wait] = self._seconds[wait] + seconds if seconds else 0.0


def observe(pid: int) -> Observation:
    """Look at a process in /proc."""
    return Observation(has_helper=has_children(pid), switches=_switches(pid))


def has_children(pid: int) -> bool:
    """Return whether a process has running children; True if the kernel does not report it."""
    try:
        children = _read(f"/proc/{pid}/task/{pid}/children").split()
    except OSError:
        return True
    return any(map(_runs, children))


def _runs(pid: str) -> bool:
    """Return whether a process runs; an ended one is listed until its parent waits for it, which may never happen."""
    try:
        return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _switches(pid: int) -> int | None:
    """Return the number of context switches of a process; None while it runs or waits for a processor."""
    try:
        lines = _read(f"/proc/{pid}/status").splitlines()
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    if fields["State"].startswith("R"):
        return None
    return int(fields["voluntary_ctxt_switches"]) + int(fields["nonvoluntary_ctxt_switches"])


def _read(path: str) -> str:
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()
