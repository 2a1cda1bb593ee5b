"""An event that knows since when it is set, so that it can be measured how long a change waited."""

import asyncio
import time


class ChangeEvent(asyncio.Event):
    """An asyncio.Event; `since` is the moment (time.monotonic) of the first change since it was last cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.since = time.monotonic()

    def set(self) -> None:
        """Note a change."""
        if not self.is_set():
            self.since = time.monotonic()
        super().set()
