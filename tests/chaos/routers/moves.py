"""The next move of a walk, drawn by a seed alone: the same seed always makes the same walk, whatever happens on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address
from random import Random
from typing import Any, TypeAlias, assert_never

from exalb.api.speaker import DrainState
from exalb_bgp.rib import Rib
from exalb_bgp.session import Family, Password, Session
from exalb_bgp.speaker import Speaker
from tests.chaos.routers import tables
from tests.support.routers.world import NODE, OTHER

PROCESSES = ("driver", "relay", "exabgp")
CHANGES: Mapping[str, Callable[[Random, Session], Any]] = {
    "hold_time": lambda random, _: random.choice((3, 9, 90)),
    "graceful_restart": lambda random, _: random.choice((None, 5)),
    "families": lambda random, _: random.choice((frozenset(Family), frozenset({Family.IPV4}))),
    "router_id": lambda random, _: IPv4Address(f"10.77.0.{random.choice((11, 12))}"),
    "source_interface": lambda random, _: random.choice((None, "eth0")),
    "local_address": lambda random, session: random.choice((NODE, OTHER))[Family.of(session.peer_address)],
}
"""By field of a session, another value, which needs no change at the router."""
AGREED: Mapping[str, Callable[[Random, Session], Any]] = {
    "password": lambda random, _: random.choice((None, Password(b"first"), Password(b"second"))),
    "local_asn": lambda random, _: random.choice((64512, 64514)),
    "passive": lambda random, _: random.choice((False, True)),
}
"""The same, for fields that both ends must agree on."""
ROUTER_ASNS = (64513, 64515)
HAVE_BFD = ("frr", "bird")
"""The routers that have BFD."""
STEPS = tuple(state.value for state in DrainState)
"""The states of a drain at which it may be interrupted."""
SHORT_HOLD = 3


class TableChange(StrEnum):
    """Other tables for some peers."""

    FEW = "few"
    BACK_AND_FORTH = "back and forth"
    MANY = "many"
    ATTRIBUTES = "attributes"
    NOTHING = "nothing"


class SessionChange(StrEnum):
    """Other sessions."""

    REMOVE = "remove the session"
    CHANGE = "change the session"
    CHANGE_BOTH_ENDS = "change both ends"
    CHANGE_ROUTER_AS = "change the router's AS"


class RouterMove(StrEnum):
    """Something happens to a router, or to one of its sessions."""

    LOOK = "look"
    CLEAR = "clear"
    CLEAR_ALL = "clear all"
    REFRESH = "refresh"
    PULL_CABLE = "pull the cable"
    RESTART = "restart the router"


class EngineMove(StrEnum):
    """Something happens to the engine, or it gets a moment of rest."""

    LINGER = "linger"
    KILL = "kill"
    KILL_SUPERVISOR = "kill the supervisor"
    HALT = "halt"
    CUT = "cut"
    REMOVE_SOCKET = "remove the socket"
    FILL_VOLUME = "fill the volume"
    MISS_HOLD_TIME = "miss the hold time"


class DrainMove(StrEnum):
    """The node is drained, or no longer."""

    DRAIN = "drain"
    FORCE = "force a drain"
    UNDO = "undo the drain"
    UNDO_HALF_WAY = "undo a drain half way"
    ACROSS_RESTART = "drain across a restart"


class BfdMove(StrEnum):
    """Something happens to BFD."""

    SWITCH_ON = "switch BFD on"
    SWITCH_OFF = "switch BFD off"
    KILL = "kill the BFD process"
    RESTART = "restart BFD"


class Repair(StrEnum):
    """Undoes an earlier move."""

    START_DRIVER = "start the driver"
    RESUME = "resume"
    PLUG_CABLE = "plug the cable"
    ADD_SESSION = "add the session"
    FREE_VOLUME = "free the volume"


Act: TypeAlias = TableChange | SessionChange | RouterMove | EngineMove | DrainMove | BfdMove | Repair
T, S, R, E = TableChange, SessionChange, RouterMove, EngineMove
D, B = DrainMove, BfdMove
WEIGHTS: Mapping[Act, int] = {
    T.FEW: 20, T.BACK_AND_FORTH: 12, T.MANY: 3, T.ATTRIBUTES: 4, T.NOTHING: 3,
    R.LOOK: 14, E.LINGER: 8,
    R.CLEAR: 5, R.CLEAR_ALL: 1, R.REFRESH: 7, R.PULL_CABLE: 2, R.RESTART: 1,
    E.KILL: 6, E.KILL_SUPERVISOR: 1, E.HALT: 4, E.CUT: 4, E.REMOVE_SOCKET: 1,
    E.FILL_VOLUME: 2,
    S.REMOVE: 3, S.CHANGE: 5, S.CHANGE_BOTH_ENDS: 3, S.CHANGE_ROUTER_AS: 1,
    E.MISS_HOLD_TIME: 1,
    D.DRAIN: 5, D.FORCE: 2, D.UNDO: 20, D.UNDO_HALF_WAY: 4, D.ACROSS_RESTART: 4,
    B.SWITCH_ON: 5, B.SWITCH_OFF: 2, B.KILL: 4, B.RESTART: 2,
}  # fmt: skip
REPAIRS: Mapping[Act, int] = {
    Repair.START_DRIVER: 25,
    Repair.RESUME: 25,
    Repair.PLUG_CABLE: 25,
    Repair.ADD_SESSION: 25,
    Repair.FREE_VOLUME: 15,
}
"""Possible only while there is something to undo."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a walk."""

    act: Act
    where: str = ""
    goals: tuple[Speaker, ...] = ()
    """The goals that the engine gets, one right after the other."""

    def __str__(self) -> str:
        """Say it for people."""
        return f"{self.act} {self.where}".strip()


class Itinerary:
    """Draws moves. It knows its own moves, and nothing of their results."""

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
        """The sessions and tables that are wanted now."""
        return Speaker(dict(self._sessions), dict(self._ribs))

    def rest(self) -> None:
        """Note that everything is repaired; removed sessions stay removed."""
        self._halted.clear()
        self._unplugged.clear()
        self._driving, self._full = True, False

    def draw(self) -> Move:
        """Choose the next move."""
        weights = {**WEIGHTS, **{act: weight for act, weight in REPAIRS.items() if self._possible(act)}}
        (act,) = self._random.choices(tuple(weights), tuple(weights.values()))
        match act:
            case TableChange():
                return self._tables(act)
            case SessionChange.CHANGE_ROUTER_AS:
                return self._router_asn()
            case SessionChange():
                return self._session(act)
            case Repair.ADD_SESSION:
                return self._session(Repair.ADD_SESSION)
            case EngineMove.MISS_HOLD_TIME:
                return self._miss()
            case RouterMove():
                return Move(act, self._where(act))
            case EngineMove():
                return Move(act, self._disturb(act))
            case DrainMove() | BfdMove():
                return Move(act, self._node(act))
            case Repair():
                return Move(act, self._repair(act))
            case _:
                assert_never(act)

    def _possible(self, repair: Act) -> bool:
        match repair:
            case Repair.START_DRIVER:
                return not self._driving
            case Repair.RESUME:
                return bool(self._halted)
            case Repair.PLUG_CABLE:
                return bool(self._unplugged)
            case Repair.ADD_SESSION:
                return bool(self._removed)
            case _:
                return self._full

    @property
    def _removed(self) -> list[str]:
        return sorted(self._plain.keys() - self._sessions.keys())

    def _tables(self, act: TableChange) -> Move:
        names = self._random.sample(sorted(self._plain), self._random.randint(1, len(self._plain)))
        goals = []
        for _ in range(self._random.randint(2, 6) if act is TableChange.BACK_AND_FORTH else 1):
            self._ribs |= {name: self._table(act, self._ribs[name]) for name in names}
            goals.append(self.goal)
        return Move(act, ", ".join(names), tuple(goals))

    def _table(self, act: TableChange, rib: Rib) -> Rib:
        match act:
            case TableChange.FEW:
                return tables.few(self._random, rib)
            case TableChange.BACK_AND_FORTH:
                return tables.one(self._random, rib)
            case TableChange.MANY:
                return tables.many(self._random)
            case TableChange.ATTRIBUTES:
                return tables.attributes(self._random, rib)
            case TableChange.NOTHING:
                return {}
            case _:
                assert_never(act)

    def _session(self, act: SessionChange | Repair) -> Move:
        names = self._removed if act is Repair.ADD_SESSION else sorted(self._sessions)
        if not names:
            return Move(RouterMove.LOOK, self._random.choice(self._routers))
        name = self._random.choice(names)
        if act is SessionChange.REMOVE:
            del self._sessions[name]
            return Move(act, name, (self.goal,))
        if act is Repair.ADD_SESSION:
            self._sessions[name] = self._plain[name]
        changed = ""
        if act is not Repair.ADD_SESSION or self._random.random() < 0.5:
            changed = f": {self._change(name, AGREED if act is SessionChange.CHANGE_BOTH_ENDS else CHANGES)}"
        return Move(act, f"{name}{changed}", (self.goal,))

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
            names = [name for name in sessions if name.startswith(router)]
            sessions |= {name: replace(sessions[name], peer_asn=asn) for name in names}
        return Move(SessionChange.CHANGE_ROUTER_AS, f"{router}: {asn}", (self.goal,))

    def _miss(self) -> Move:
        if not self._sessions:
            return Move(RouterMove.LOOK, self._random.choice(self._routers))
        name = self._random.choice(sorted(self._sessions))
        self._sessions[name] = replace(self._sessions[name], hold_time=SHORT_HOLD)
        return Move(EngineMove.MISS_HOLD_TIME, name, (self.goal,))

    def _where(self, act: RouterMove) -> str:
        if act in {RouterMove.CLEAR, RouterMove.REFRESH}:
            return self._random.choice(sorted(self._plain))
        if act is RouterMove.PULL_CABLE:
            return self._into(self._unplugged, self._routers)
        return self._random.choice(self._routers)

    def _disturb(self, act: EngineMove) -> str:
        match act:
            case EngineMove.KILL:
                process = self._random.choice(PROCESSES)
                self._halted.discard(process)
                self._driving = self._driving and process != "driver"
                return process
            case EngineMove.HALT:
                return self._into(self._halted, PROCESSES)
            case EngineMove.FILL_VOLUME:
                self._full = True
                return ""
            case _:  # of the whole engine; a router is drawn all the same, so that seeds keep their walks
                return self._random.choice(self._routers)

    def _node(self, act: DrainMove | BfdMove) -> str:
        if act is DrainMove.ACROSS_RESTART:  # which replaces the driver, halted or not
            self._halted.discard("driver")
            self._driving = True
        if act in {DrainMove.UNDO_HALF_WAY, DrainMove.ACROSS_RESTART}:
            return self._random.choice(STEPS)
        able = [name for name in sorted(self._plain) if name.startswith(HAVE_BFD)]
        return self._random.choice(able) if act in {BfdMove.SWITCH_ON, BfdMove.SWITCH_OFF} else ""

    def _repair(self, act: Repair) -> str:
        match act:
            case Repair.RESUME:
                return self._out_of(self._halted)
            case Repair.PLUG_CABLE:
                return self._out_of(self._unplugged)
            case Repair.START_DRIVER:
                self._driving = True
            case Repair.FREE_VOLUME:
                self._full = False
            case Repair.ADD_SESSION:
                raise AssertionError("a session is added by a move of its own")
            case _:
                assert_never(act)
        return ""

    def _into(self, stopped: set[str], names: tuple[str, ...]) -> str:
        name = self._random.choice(names)
        stopped.add(name)
        return name

    def _out_of(self, stopped: set[str]) -> str:
        name = self._random.choice(sorted(stopped))
        stopped.remove(name)
        return name
