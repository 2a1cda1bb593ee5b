"""How long ago the API server last answered about each kind: a watch that hangs shows nothing else."""

import time
from collections.abc import Iterable, Mapping

from exalb.model.kinds import Kind


class WatchAges:
    """Remembers the last answer about each kind; a kind without any counts from the start of the program."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._answered = dict.fromkeys((kind.name for kind in kinds), time.monotonic())

    def answered(self, kind: Kind) -> None:
        """Note a list, an event, a bookmark or a new watch."""
        self._answered[kind.name] = time.monotonic()

    def not_served(self, kind: Kind) -> None:
        """Note that the API server does not have the kind: then there is no watch that could be old."""
        self._answered.pop(kind.name, None)

    def seconds(self) -> Mapping[str, float]:
        """Return the age of each kind."""
        now = time.monotonic()
        return {kind: now - answered for kind, answered in self._answered.items()}
