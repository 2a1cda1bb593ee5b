"""Decides when an ExaBGP that runs but does not work is killed: it has no helper process, or it hangs.

It counts checks, not seconds, so that time in which the whole machine slept does not count. A limit that was reached is
doubled: an ExaBGP that is only slow must not be killed again and again.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from exalb_bgp.exabgp.growing_limit import GrowingLimit


class Wait(Enum):
    """The conditions that the watchdog waits for."""

    START = "ExaBGP to start its helper process"
    HELPER = "ExaBGP to restart its helper process"
    TURN = "ExaBGP to run its event loop"


@dataclass(frozen=True, slots=True)
class Observation:
    """The result of one check."""

    has_helper: bool
    switches: int | None
    """Context switches so far, of which ExaBGP makes some in each turn of its loop; None while it uses a processor."""


class Watchdog:
    """Counts checks in which an ExaBGP did not work. Limits outlive the ExaBGP, counts do not (`begin`)."""

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
        self._counts = dict.fromkeys(Wait, 0)
        self._helper_seen = False
        self._switches: int | None = None

    def check(self, observation: Observation) -> Wait | None:
        """Handle the result of one check; return the condition whose limit was reached, or None."""
        self._helper_seen |= observation.has_helper
        wait = Wait.HELPER if self._helper_seen else Wait.START
        self._count(wait, failed=not observation.has_helper)
        hangs = observation.switches is not None and observation.switches == self._switches
        self._switches = observation.switches
        self._count(Wait.TURN, failed=hangs)
        return next((wait for wait, count in self._counts.items() if count >= self._limits[wait].current), None)

    def limit(self, wait: Wait) -> int:
        """Return how many checks in a row may fail."""
        return int(self._limits[wait].current)

    def grow(self, wait: Wait) -> None:
        """Double a limit that was reached."""
        self.killed = True
        self._limits[wait].grow()

    def reset(self) -> None:
        """Return to the first limits."""
        for limit in self._limits.values():
            limit.reset()

    def _count(self, wait: Wait, *, failed: bool) -> None:
        self._counts[wait] = self._counts[wait] + 1 if failed else 0


def observe(pid: int) -> Observation:
    """Look at a process in /proc."""
    return Observation(has_children(pid), _switches(pid))


def has_children(pid: int) -> bool:
    """Return whether a process has running children; True if the kernel does not report it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return True
    return any(map(_runs, children))


def _runs(pid: str) -> bool:
    """Return whether a process runs; an ended one is listed until its parent waits for it, which may never happen."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _switches(pid: int) -> int | None:
    """Return the number of context switches of a process; None while it runs or waits for a processor."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    if fields["State"].startswith("R"):
        return None
    return int(fields["voluntary_ctxt_switches"]) + int(fields["nonvoluntary_ctxt_switches"])
