"""Lets ExaBGP's loop sleep until input comes, a signal comes, or a timer of a session is due.

ExaBGP itself wakes 50 times a second, because it does not poll the sockets on which it connects and listens, and
looks at its timers in each turn.
"""

import os
import select
import signal
from collections.abc import Callable, Collection, Mapping
from math import ceil
from typing import NamedTuple

SHORTEST_WAIT = 5
"""Milliseconds between two turns while something is in progress for which no input comes."""
_NO_EVENTS: Mapping[int, int] = {}


class Waits(NamedTuple):
    """The state that the loop waits for."""

    seconds: float
    """Until its next turn is due, if no input comes."""
    sockets: Mapping[int, int]
    """Events of poll(2) that begin a turn earlier, by descriptor, in addition to those that ExaBGP registers."""


class Poller:
    """Has the methods of `select.poll` that ExaBGP's loop calls.

    `waits` returns what the loop waits for. After a turn with input, one turn follows at ExaBGP's own time, so that
    nothing that the first turn began waits for a timer.
    """

    def __init__(self, waits: Callable[[float], Waits]) -> None:
        self._waits = waits
        self._registered: dict[int, int] = {}
        self._busy = True
        self.woken_by: Collection[int] = ()
        """The registered descriptors for which something came at the last call."""
        self._signals, write_end = os.pipe()
        for end in (self._signals, write_end):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(write_end)

    def register(self, descriptor: int, events: int) -> None:
        """Poll a descriptor from now on."""
        self._registered[descriptor] = events

    def unregister(self, descriptor: int) -> None:
        """Poll it no more."""
        self._registered.pop(descriptor, None)

    def poll(self, milliseconds: float) -> list[tuple[int, int]]:
        """Sleep; return the events of registered descriptors. With 0, as ExaBGP passes while it has work, look only."""
        sockets = _NO_EVENTS
        if milliseconds:
            waits = self._waits(milliseconds / 1000)
            sockets = waits.sockets
            milliseconds = min(milliseconds, 1000 * waits.seconds) if self._busy else 1000 * waits.seconds
        events = self._poll({**self._registered, **sockets, self._signals: select.POLLIN}, milliseconds)
        self._busy = bool(events) or not milliseconds
        found = [(descriptor, event) for descriptor, event in events if descriptor in self._registered]
        self.woken_by = [descriptor for descriptor, _ in found]
        return found

    def _poll(self, sockets: Mapping[int, int], milliseconds: float) -> list[tuple[int, int]]:
        poller = select.poll()
        for descriptor, mask in sockets.items():
            poller.register(descriptor, mask)
        events = poller.poll(ceil(milliseconds))
        for descriptor, event in events:
            if descriptor == self._signals:
                os.read(self._signals, 64)
            elif event & select.POLLNVAL:  # closed since: ExaBGP does not unregister, and would never sleep again
                self.unregister(descriptor)
        return events
