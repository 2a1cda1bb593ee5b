"""Counts what one node announces and withholds, and packs it for its report. Pure.

It keeps its counts between two plans, so that a report costs what changed and not what is there; a new one gives the
same answer.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from exalb.announcement.adj_rib_out import Row, SessionPlan, row_order
from exalb.announcement.planner import NodePlan
from exalb.api.announced import Packing
from exalb.model.cluster import NOTHING
from exalb.model.diff import changed_keys
from exalb_bgp.rib import Prefix, Rib
from exalb_bgp.session import Family

MANY = 256
"""To sort all rows is cheaper than to insert, or remove, more of them than these one by one."""


class NodeRoutes:
    """The prefixes that a node announces, and the rows that it withholds, over all its sessions."""

    def __init__(self) -> None:
        self._sessions: dict[str, SessionPlan] = {}
        self._families: dict[str, Counter[Family]] = {}
        self._packed: dict[str, _Packed] = {}
        self._rows_of: Counter[Prefix] = Counter()
        self.withheld: list[Row] = []
        """The rows that some session withholds, in order, each once."""
        self.prefixes = 0
        """How many prefixes are announced to some peer."""
        self.partly = 0
        """How many of the rows have such a prefix."""

    def update(self, plan: NodePlan) -> None:
        """Take the next plan."""
        for name in self._sessions.keys() | plan.sessions.keys():
            before, after = self._sessions.pop(name, None), plan.sessions.get(name)
            if before is not after:
                self._take(name, before, after)
            if after:
                self._sessions[name] = after
        self._families = {name: self._families[name] for name in plan.sessions}
        self._packed = {name: packed for name, packed in self._packed.items() if name in plan.sessions}

    def families(self, session: str) -> AbstractSet[Family]:
        """Return the families of the prefixes that a session is to announce."""
        return {family for family, count in self._families[session].items() if count}

    def packed(self, session: str, unsent: AbstractSet[Prefix]) -> tuple[str, ...] | None:
        """Return the prefixes of a session, without the unsent ones, as its report has them."""
        return self._packed.setdefault(session, _Packed()).entries(self._sessions[session].rib, unsent)

    def _take(self, name: str, before: SessionPlan | None, after: SessionPlan | None) -> None:
        """Take the next plan of one session, while `_sessions` has the others."""
        old, new = before.rib if before else NOTHING, after.rib if after else NOTHING
        families = self._families.setdefault(name, Counter())
        for prefix in changed_keys(old, new):
            change = (prefix in new) - (prefix in old)
            if change:
                families[Family.of(prefix)] += change
            if change and not self._announces(prefix):
                self.prefixes += change
                self.partly += change * self._rows_of[prefix]
        self._take_rows(before.withheld if before else NOTHING, after.withheld if after else NOTHING, new)

    def _take_rows(self, old: Mapping[Row, Any], new: Mapping[Row, Any], rib: Rib) -> None:
        changes: dict[Row, int] = {}
        for row in changed_keys(old, new):
            change = (row in new) - (row in old)
            if change and not any(row in session.withheld for session in self._sessions.values()):
                changes[row] = change
        for row, change in changes.items():
            prefix = row[1]
            self._rows_of[prefix] += change
            if not self._rows_of[prefix]:
                del self._rows_of[prefix]
            if prefix in rib or self._announces(prefix):
                self.partly += change
        if len(changes) > MANY:
            left = {row for row in self.withheld if row not in changes}
            self.withheld = sorted(left.union(row for row, change in changes.items() if change > 0), key=row_order)
            return
        for row, change in changes.items():
            if change > 0:
                insort(self.withheld, row, key=row_order)
            else:
                del self.withheld[bisect_left(self.withheld, row_order(row), key=row_order)]

    def _announces(self, prefix: Prefix) -> bool:
        return any(prefix in session.rib for session in self._sessions.values())


class _Packed:
    """The prefixes of one session that its peer has."""

    def __init__(self) -> None:
        self._packing = Packing()
        self._rib: Rib = NOTHING
        self._unsent: AbstractSet[Prefix] = frozenset()

    def entries(self, rib: Rib, unsent: AbstractSet[Prefix]) -> tuple[str, ...] | None:
        for prefix in {*changed_keys(self._rib, rib), *(self._unsent ^ unsent)}:
            self._packing.set(prefix, there=prefix in rib and prefix not in unsent)
        self._rib, self._unsent = rib, unsent
        return self._packing.entries()
