"""Looks at every router's table again and again while a walk goes on, for routes that should not be there any more.

A rest waits until all is as desired. In between, a route that is no longer desired may stay for as long as it takes to
withdraw it, or to lose a session with it. A route that nobody ever asked for may not be there at all.
"""

import threading
from collections.abc import Callable, Mapping
from time import monotonic
from types import TracebackType
from typing import Self, TypeAlias

from exalb_bgp.rib import Address, Prefix
from exalb_bgp.session import Family
from exalb_bgp.speaker import Speaker
from tests.lab.routers.router import Router
from tests.support.routers.world import NODE, World

LONGEST = 60.0
"""Seconds that an undesired route may stay while everything runs: a router that was pulled off the switch when its
session closed sees that at its next KEEPALIVE, 30 s later, and keeps what it had for the restart time."""
PAUSE = 1.0
"""Seconds between two looks at all routers."""

Held: TypeAlias = tuple[str, Address, Prefix]
"""A router, the sender of a route, and its prefix."""


class Watcher:
    """Watches the routers of a world from a thread of its own, as long as it is entered."""

    def __init__(
        self, world: World, disturbed: Callable[[], bool], longest: float = LONGEST, pause: float = PAUSE
    ) -> None:
        """Nothing counts as late while it is `disturbed`: something was stopped that does not go on by itself."""
        self.world, self._longest, self._pause = world, longest, pause
        self.looks = 0
        self.wrong: list[str] = []
        self.asleep: Mapping[str, threading.Lock] = {router.kind: threading.Lock() for router in world.routers}
        """To be held by who makes a router unable to answer."""
        self._disturbed = disturbed
        self._desired: set[Held] = set()
        self._last: dict[Held, float] = {}
        self._calm, self._looked = 0.0, monotonic()
        self._guard, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def want(self, goal: Speaker) -> None:
        """Note the routes that are desired from now on, before the engine gets them."""
        desired = {held for name in goal.sessions for held in self._of(goal, name)}
        with self._guard:
            self._last |= dict.fromkeys(self._desired - desired, self._calm)
            self._desired = desired

    def _of(self, goal: Speaker, name: str) -> set[Held]:
        peer, session = self.world.peers[name], goal.sessions[name]
        sender = session.local_address or NODE[peer.family]
        versions = {4 if family is Family.IPV4 else 6 for family in session.families}
        return {(peer.router.kind, sender, prefix) for prefix in goal.ribs[name] if prefix.version in versions}

    def _watch(self) -> None:
        while not self._over.wait(self._pause):
            for router in self.world.routers:
                try:
                    with self.asleep[router.kind]:
                        self._look(router)
                except (RuntimeError, ValueError, LookupError) as error:
                    self.wrong.append(f"{router.kind} does not show its table: {error!r}")

    def _look(self, router: Router) -> None:
        present = {(router.kind, sender, prefix) for prefix, senders in router.prefixes().items() for sender in senders}
        self.looks += 1
        with self._guard:
            now = monotonic()
            self._calm += 0 if self._disturbed() else now - self._looked
            self._looked = now
            for held in sorted(present - self._desired, key=str):
                if held not in self._last:
                    self.wrong.append(f"{_said(held)}, which nobody ever asked for")
                elif (stayed := self._calm - self._last[held]) > self._longest:
                    self.wrong.append(f"{_said(held)}, undesired for {stayed:.0f} s")


def _said(held: Held) -> str:
    router, sender, prefix = held
    return f"{router} has {prefix} from {sender}"
