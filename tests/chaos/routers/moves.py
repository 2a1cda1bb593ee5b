"""What happens next, chosen by a seed alone: the same seed always makes the same walk, whatever becomes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from random import Random
from typing import Any

from exalb_bgp.rib import Rib
from exalb_bgp.session import Family, Password, Session
from exalb_bgp.speaker import Speaker
from tests.chaos.routers import tables
from tests.router.world import NODE, OTHER

PROCESSES = ("driver", "relay", "exabgp")
CHANGES: Mapping[str, Callable[[Random, Session], Any]] = {
    "hold_time": lambda random, _: random.choice((3, 9, 90)),
    "graceful_restart": lambda random, _: random.choice((None, 5)),
    "families": lambda random, _: random.choice((frozenset(Family), frozenset({Family.IPV4}))),
    "router_id": lambda random, _: IPv4Address(f"10.77.0.{random.choice((11, 12))}"),
    "source_interface": lambda random, _: random.choice((None, "eth0")),
    "local_address": lambda random, session: random.choice((NODE, OTHER))[Family.of(session.peer_address)],
}
"""By field of a session, another value; the routers need not be told of any of them."""
AGREED: Mapping[str, Callable[[Random, Session], Any]] = {
    "password": lambda random, _: random.choice((None, Password(b"first"), Password(b"second"))),
    "local_asn": lambda random, _: random.choice((64512, 64514)),
    "passive": lambda random, _: random.choice((False, True)),
}
"""The same, of what must be the same at both ends."""
ROUTER_ASNS = (64513, 64515)
SHORT_HOLD = 3
WEIGHTS = {
    "few": 20, "back and forth": 12, "many": 3, "attributes": 4, "nothing": 3,
    "look": 14, "linger": 8,
    "clear": 5, "clear all": 1, "refresh": 7, "pull the cable": 2, "restart the router": 1,
    "kill": 6, "kill the supervisor": 1, "halt": 4, "cut": 4, "remove the socket": 1,
    "fill the volume": 2,
    "remove the session": 3, "change the session": 5, "change both ends": 3, "change the router's AS": 1,
    "miss the hold time": 1,
}  # fmt: skip
MENDING = {"start the driver": 25, "resume": 25, "plug the cable": 25, "add the session": 25, "free the volume": 15}
"""What undoes an earlier move, once there is something to undo."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a walk."""

    what: str
    where: str = ""
    goals: tuple[Speaker, ...] = ()
    """What the engine is asked for, one right after the other."""

    def __str__(self) -> str:
        """Say it for people."""
        return f"{self.what} {self.where}".strip()


class Itinerary:
    """Draws moves. It knows what it did, and nothing of what came of it."""

    def __init__(self, seed: int, plain: Mapping[str, Session], routers: tuple[str, ...]) -> None:
        self._random = Random(seed)
        self._plain, self._routers = dict(plain), routers
        self._ribs: dict[str, Rib] = {name: {} for name in plain}
        self._sessions = dict(plain)
        self._halted: set[str] = set()
        self._unplugged: set[str] = set()
        self._driving, self._full = True, False

    @property
    def goal(self) -> Speaker:
        """What is wanted now."""
        return Speaker(dict(self._sessions), dict(self._ribs))

    def rest(self) -> None:
        """Take note that everything is being mended; removed sessions stay removed."""
        self._halted.clear()
        self._unplugged.clear()
        self._driving, self._full = True, False

    def draw(self) -> Move:
        """Choose the next move."""
        removed = sorted(self._plain.keys() - self._sessions.keys())
        possible = {"start the driver": not self._driving, "resume": self._halted}
        possible |= {"plug the cable": self._unplugged, "add the session": removed}
        possible |= {"free the volume": self._full}
        weights = WEIGHTS | {what: weight for what, weight in MENDING.items() if possible[what]}
        (what,) = self._random.choices(tuple(weights), tuple(weights.values()))
        if hasattr(tables, what) or what == "back and forth":
            return self._want(what)
        if what == "change the router's AS":
            return self._router_asn()
        if what == "miss the hold time":
            return self._miss()
        if what.endswith(("the session", "both ends")):
            return self._session(what, removed)
        return Move(what, self._where(what))

    def _want(self, what: str) -> Move:
        names = self._random.sample(sorted(self._plain), self._random.randint(1, len(self._plain)))
        change: tables.Change = tables.one if what == "back and forth" else getattr(tables, what)
        goals = []
        for _ in range(self._random.randint(2, 6) if what == "back and forth" else 1):
            self._ribs |= {name: change(self._random, self._ribs[name]) for name in names}
            goals.append(self.goal)
        return Move(what, ", ".join(names), tuple(goals))

    def _session(self, what: str, removed: list[str]) -> Move:
        names = removed if what == "add the session" else sorted(self._sessions)
        if not names:
            return Move("look", self._random.choice(self._routers))
        name = self._random.choice(names)
        told = name
        if what == "remove the session":
            del self._sessions[name]
            return Move(what, told, (self.goal,))
        if what == "add the session":
            self._sessions[name] = self._plain[name]
        if what != "add the session" or self._random.random() < 0.5:
            told += f": {self._change(name, AGREED if what == 'change both ends' else CHANGES)}"
        return Move(what, told, (self.goal,))

    def _change(self, name: str, fields: Mapping[str, Callable[[Random, Session], Any]]) -> str:
        field = self._random.choice(tuple(fields))
        value = fields[field](self._random, self._sessions[name])
        self._sessions[name] = replace(self._sessions[name], **{field: value})
        if fields is AGREED:  # stays so for a session that goes and comes back
            self._plain[name] = replace(self._plain[name], **{field: value})
        return f"{field}={value}"

    def _router_asn(self) -> Move:
        router, asn = self._random.choice(self._routers), self._random.choice(ROUTER_ASNS)
        for sessions in (self._plain, self._sessions):
            mine = [name for name in sessions if name.startswith(router)]
            sessions |= {name: replace(sessions[name], peer_asn=asn) for name in mine}
        return Move("change the router's AS", f"{router}: {asn}", (self.goal,))

    def _miss(self) -> Move:
        if not self._sessions:
            return Move("look", self._random.choice(self._routers))
        name = self._random.choice(sorted(self._sessions))
        self._sessions[name] = replace(self._sessions[name], hold_time=SHORT_HOLD)
        return Move("miss the hold time", name, (self.goal,))

    def _where(self, what: str) -> str:
        match what:
            case "clear" | "refresh":
                return self._random.choice(sorted(self._plain))
            case "kill":
                return self._kill(self._random.choice(PROCESSES))
            case "halt":
                return self._into(self._halted, PROCESSES)
            case "resume":
                return self._out_of(self._halted)
            case "pull the cable":
                return self._into(self._unplugged, self._routers)
            case "plug the cable":
                return self._out_of(self._unplugged)
            case "start the driver":
                self._driving = True
                return ""
            case "fill the volume" | "free the volume":
                self._full = what.startswith("fill")
                return ""
        return self._random.choice(self._routers)

    def _kill(self, process: str) -> str:
        self._halted.discard(process)
        if process == "driver":
            self._driving = False
        return process

    def _into(self, found: set[str], names: tuple[str, ...]) -> str:
        name = self._random.choice(names)
        found.add(name)
        return name

    def _out_of(self, found: set[str]) -> str:
        name = self._random.choice(sorted(found))
        found.remove(name)
        return name
