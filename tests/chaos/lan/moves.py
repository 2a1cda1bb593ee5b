"""The next move of a walk on a LAN, drawn by a seed alone, and the situation that all moves so far have made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import TypeAlias, assert_never

NODES = ("n1", "n2", "n3")
SERVICES = ("web1", "web2", "web3", "web4")


class NodeMove(StrEnum):
    """Something happens to a node."""

    KILL = "kill the L2 process"
    KILL_BRIEFLY = "kill the L2 process and start it at once"
    RESTART = "restart the L2 process"
    HALT = "halt the L2 process"
    PART = "cut off"
    PULL = "pull the cable"
    LINK_DOWN = "take the link down"
    RESTART_SPEAKER = "restart the speaker"
    MISS = "change a Service while there is no speaker"
    LATE = "let kube-proxy know no endpoint yet"


class Repair(StrEnum):
    """Undoes an earlier move."""

    START = "start the L2 process"
    RESUME = "resume the L2 process"
    JOIN = "join"
    PLUG = "plug the cable"
    LINK_UP = "take the link up"
    ADD = "add"
    ON_TIME = "let kube-proxy know its endpoints"
    USE_ALL = "use all nodes and interfaces"
    API_BACK = "bring the API server back"


class ObjectMove(StrEnum):
    """Objects change."""

    DELETE = "delete"
    POLICY = "change the policy"
    ENDPOINT = "add or remove an endpoint"
    NO_ENDPOINTS = "remove all endpoints"
    ALL_ENDPOINTS = "add an endpoint on each node"
    DRAIN = "drain"
    FORCE = "force a drain"
    UNDO = "undo the drain"
    SELECT = "select nodes"
    NAME = "name interfaces"
    API_AWAY = "take the API server away"


Act: TypeAlias = NodeMove | Repair | ObjectMove
N, Obj = NodeMove, ObjectMove
WEIGHTS: Mapping[Act, int] = {
    N.KILL: 5, N.KILL_BRIEFLY: 5, N.RESTART: 6, N.HALT: 4, N.PART: 6, N.PULL: 3, N.LINK_DOWN: 4,
    N.RESTART_SPEAKER: 3, N.MISS: 4, N.LATE: 4,
    Obj.DELETE: 5, Obj.POLICY: 6, Obj.ENDPOINT: 8, Obj.NO_ENDPOINTS: 2, Obj.ALL_ENDPOINTS: 4,
    Obj.DRAIN: 5, Obj.FORCE: 2, Obj.UNDO: 8, Obj.SELECT: 5, Obj.NAME: 3, Obj.API_AWAY: 3,
}  # fmt: skip
REPAIRS = 16
"""The weight of each repair that is possible."""
SELECTIONS = (("n1", "n2"), ("n3",), ("n2", "n3"))
NAMES = (("eth0",), ("eth7",))
"""Every node has the first, and none the second."""


@dataclass(slots=True)
class Situation:
    """All that moves have changed and not undone."""

    killed: set[str] = field(default_factory=set)
    halted: set[str] = field(default_factory=set)
    parted: set[str] = field(default_factory=set)
    unplugged: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    drained: dict[str, str] = field(default_factory=dict)
    """The value of the annotation that drains a node."""
    is_local: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(SERVICES, False))
    """The Services that exist, and whether their policy is Local."""
    endpoints: dict[str, set[str]] = field(default_factory=lambda: {service: set(NODES) for service in SERVICES})
    """The nodes with a ready endpoint."""
    selected: tuple[str, ...] = NODES
    named: tuple[str, ...] = ()
    late: set[str] = field(default_factory=set)
    """The nodes whose kube-proxy does not deliver to endpoints there yet."""
    is_away: bool = False
    """Whether the API server is."""

    def declines(self, node: str, service: str) -> bool:
        """Whether a node leaves the addresses of a Service to others."""
        return node in self.late and self.is_local.get(service, False)

    def answers(self, node: str) -> bool:
        """Whether a node can answer on the client's part of the LAN."""
        return node not in self.killed | self.halted | self.parted | self.unplugged | self.down


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a walk."""

    act: Act
    where: str = ""
    """A node or a Service."""
    service: str = ""
    """The Service that changes while the node has no speaker."""

    def __str__(self) -> str:
        """Say it for people."""
        return " ".join(filter(None, (self.where, self.act, self.service)))


class Itinerary:
    """Draws moves. It knows its own moves, and nothing of their results."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.situation = Situation()

    def draw(self) -> Move:
        """Choose the next move, and note what it changes."""
        weights: dict[Act, int] = {act: weight for act, weight in WEIGHTS.items() if self._choices(act)}
        weights |= {act: REPAIRS for act in Repair if self._choices(act)}
        (act,) = self._random.choices(tuple(weights), tuple(weights.values()))
        where = self._random.choice(self._choices(act))
        service = self._random.choice(SERVICES) if act is NodeMove.MISS else ""
        match act:
            case NodeMove():
                self._note_node(act, where, service)
            case Repair():
                self._note_repair(act, where)
            case ObjectMove():
                self._note_objects(act, where)
            case _:
                assert_never(act)
        return Move(act, where, service)

    def _broken(self, repair: Repair) -> set[str]:
        now = self.situation
        match repair:
            case Repair.START:
                return now.killed
            case Repair.RESUME:
                return now.halted
            case Repair.JOIN:
                return now.parted
            case Repair.PLUG:
                return now.unplugged
            case Repair.LINK_UP:
                return now.down
            case Repair.ON_TIME:
                return now.late
            case Repair.ADD:
                return set() if now.is_away else set(SERVICES) - now.is_local.keys()
            case Repair.USE_ALL:
                return {""} if (now.selected, now.named) != (NODES, ()) and not now.is_away else set()
            case Repair.API_BACK:
                return {""} if now.is_away else set()
            case _:
                assert_never(repair)

    def _note_repair(self, act: Repair, where: str) -> None:
        now = self.situation
        match act:
            case Repair.ADD:
                self._add_or_delete(where)
            case Repair.USE_ALL:
                now.selected, now.named = NODES, ()
            case Repair.API_BACK:
                now.is_away = False
            case _:
                self._broken(act).discard(where)

    def _choices(self, act: Act) -> list[str]:
        """List where a move is possible."""
        now = self.situation
        if isinstance(act, Repair):
            return sorted(self._broken(act))
        if isinstance(act, NodeMove):
            return self._nodes(act)
        if now.is_away:
            return []
        match act:
            case ObjectMove.DELETE:
                return sorted(now.is_local)
            case ObjectMove.POLICY | ObjectMove.ENDPOINT | ObjectMove.NO_ENDPOINTS | ObjectMove.ALL_ENDPOINTS:
                return sorted(now.is_local)
            case ObjectMove.DRAIN | ObjectMove.FORCE:
                return [node for node in NODES if node not in now.drained]
            case ObjectMove.UNDO:
                return sorted(now.drained)
            case ObjectMove.SELECT | ObjectMove.NAME | ObjectMove.API_AWAY:
                return [""]
            case _:
                assert_never(act)

    def _nodes(self, act: NodeMove) -> list[str]:
        now = self.situation
        match act:
            case NodeMove.KILL | NodeMove.KILL_BRIEFLY | NodeMove.RESTART | NodeMove.HALT:
                return [node for node in NODES if node not in now.killed | now.halted]
            case NodeMove.PART | NodeMove.PULL | NodeMove.LINK_DOWN:
                return [node for node in NODES if node not in now.parted | now.unplugged | now.down]
            case NodeMove.RESTART_SPEAKER:
                return list(NODES)
            case NodeMove.LATE:
                return sorted(set(NODES) - now.late)
            case NodeMove.MISS:
                return [] if now.is_away else list(NODES)
            case _:
                assert_never(act)

    def _note_node(self, act: NodeMove, where: str, service: str) -> None:
        now = self.situation
        match act:
            case NodeMove.KILL:
                now.killed.add(where)
            case NodeMove.HALT:
                now.halted.add(where)
            case NodeMove.PART:
                now.parted.add(where)
            case NodeMove.PULL:
                now.unplugged.add(where)
            case NodeMove.LINK_DOWN:
                now.down.add(where)
            case NodeMove.LATE:
                now.late.add(where)
            case NodeMove.MISS:
                self._add_or_delete(service)
            case NodeMove.KILL_BRIEFLY | NodeMove.RESTART | NodeMove.RESTART_SPEAKER:
                pass
            case _:
                assert_never(act)

    def _add_or_delete(self, service: str) -> None:
        if self.situation.is_local.pop(service, None) is None:
            self.situation.is_local[service] = self._random.random() < 0.5

    def _note_objects(self, act: ObjectMove, where: str) -> None:
        now = self.situation
        match act:
            case ObjectMove.DELETE:
                self._add_or_delete(where)
            case ObjectMove.POLICY:
                now.is_local[where] = not now.is_local[where]
            case ObjectMove.ENDPOINT | ObjectMove.NO_ENDPOINTS | ObjectMove.ALL_ENDPOINTS:
                now.endpoints[where] = self._endpoints(act, now.endpoints[where])
            case ObjectMove.DRAIN | ObjectMove.FORCE:
                now.drained[where] = "true" if act is ObjectMove.DRAIN else "force"
            case ObjectMove.UNDO:
                del now.drained[where]
            case ObjectMove.SELECT:
                now.selected = self._random.choice(SELECTIONS)
            case ObjectMove.NAME:
                now.named = self._random.choice(NAMES)
            case ObjectMove.API_AWAY:
                now.is_away = True
            case _:
                assert_never(act)

    def _endpoints(self, act: ObjectMove, before: set[str]) -> set[str]:
        if act is ObjectMove.ENDPOINT:
            return before ^ {self._random.choice(NODES)}
        return set(NODES) if act is ObjectMove.ALL_ENDPOINTS else set()
