"""The texts of prefixes that are on their way: several peers get the same ones, and UPDATEs name them again.

To write a prefix takes Python 2 µs and to read it 6 µs, which is more than all else that is done for it.
"""

from collections.abc import Sequence
from ipaddress import ip_network

from exalb_bgp.rib import Prefix

_RECENT = 1024
"""Prefixes that are kept at least; few, because a speaker is to be small."""
_COMMANDS = 32
"""Lists of prefixes whose text is kept."""


class PrefixTexts:
    """Writes and reads prefixes, and remembers the last ones."""

    def __init__(self) -> None:
        self._recent: dict[str, Prefix] = {}
        self._before: dict[str, Prefix] = {}
        """The table that was `_recent` until it was full."""
        self._joined: dict[int, tuple[Sequence[Prefix], str]] = {}
        """By the identity of the first prefix."""

    def join(self, prefixes: Sequence[Prefix]) -> str:
        """Write prefixes with a space between two."""
        known = self._joined.get(id(prefixes[0]))
        if known and known[0] == prefixes:
            return known[1]
        if len(self._joined) >= _COMMANDS:
            self._joined.clear()
        text = " ".join([self._write(prefix) for prefix in prefixes])
        self._joined[id(prefixes[0])] = prefixes, text
        return text

    def read(self, text: str) -> Prefix:
        """Read one prefix, as the object that was written if that was not long ago. Raises ValueError."""
        return self._recent.get(text) or self._before.get(text) or ip_network(text)

    def _write(self, prefix: Prefix) -> str:
        if len(self._recent) >= _RECENT:
            self._recent, self._before = {}, self._recent
        text = str(prefix)
        self._recent[text] = prefix
        return text
