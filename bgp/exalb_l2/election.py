"""Decides which addresses this node announces, from what other nodes say on its LANs. Pure; times are seconds.

A node takes an address once all better candidates are silent or decline it, no node that lives says that it has it, and
nobody answers when it asks for the address there. It keeps the address as long as it may: a move resets connections.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from exalb_l2.frames import Address
from exalb_l2.goal import WATCHED, Goal, Interface, Problem, Wanted, mac_text
from exalb_l2.hello import Part, Table
from exalb_l2.peers import Peers, Seat

HELLO_SECONDS = 0.25
PROBES, PROBE_SECONDS = 2, 0.06
"""How often, and how long each time, a node asks for an address before it takes it."""
ANNOUNCE_AFTER = (0.1, 1.0, 1.1, 1.8)
"""Seconds from one announcement of a taken address to the next."""
REFRESH_SECONDS = 60.0
"""Switches forget where a MAC address is after minutes."""
_REPEATS_AT_ONCE = 10
"""Further announcements at one time; the others follow, so that a move of many addresses floods no LAN."""
_REPEAT_SECONDS = 0.05
_BUSY_SECONDS, _TAKEN_SECONDS = 1.0, 5.0
"""How long an address is left alone that another node, or another host, answers for."""
_DEFEND_SECONDS = 10.0
"""A host that claims an address is answered by an announcement at most so often (RFC 5227 §2.4)."""
_PROBLEM_SECONDS = 30.0
_PAUSE_SECONDS, _EXCUSED_SECONDS = 0.3, 2.0
"""A process that stood still for longer counts no silence before; at most so often: it may lack CPU time for long."""


class Do(Enum):
    """A step about an address."""

    PROBE = "probe"
    TAKE = "take"
    ANNOUNCE = "announce"
    RELEASE = "release"


class Action(NamedTuple):
    """One step."""

    do: Do
    address: Address
    why: str = ""


@dataclass(slots=True)
class _Contest:
    """One address that this node may announce."""

    wanted: Wanted
    home: str | None = None
    """The interface on whose LAN it is decided."""
    mac: bytes = b""
    """The MAC address of that interface."""
    is_held: bool = False
    held_as: tuple[str | None, bytes] = (None, b"")
    """Interface and MAC address by which it was taken."""
    probes: int = 0
    due: float = 0.0
    """When the next probe, or the next announcement, is due."""
    announced: int = 0
    left_alone_until: float = -1e9
    problem: Problem | None = None
    problem_at: float = -1e9
    defended: float = -1e9
    is_urgent: bool = False
    """Whether the next announcement waits for no others."""


class Election:
    """The addresses of one node."""

    def __init__(self) -> None:
        self.peers = Peers()
        self.nodes: Mapping[str, tuple[Interface, ...]] = {}
        """The interfaces of all nodes with which this one speaks: candidates, and those that were some lately."""
        self._goal = Goal()
        self._interfaces: Mapping[str, Interface] = {}
        self._contests: dict[Address, _Contest] = {}
        self._macs: dict[bytes, str] = {}
        self._leaving = False
        self._due: float | None = None
        self._excused = -1e9

    def configure(self, goal: Goal, interfaces: Mapping[str, Interface], now: float) -> None:
        """Take a new goal, or new interfaces; `decide` says what follows."""
        self._goal, self._interfaces = goal, interfaces
        for address, wanted in goal.addresses.items():
            if address not in self._contests:
                self.peers.forget_release(address)  # nobody said to this node who took it then
            contest = self._contests.setdefault(address, _Contest(wanted))
            places = wanted.places(address, interfaces.values())
            contest.wanted = wanted
            contest.home, contest.mac = (places[0].name, places[0].mac) if places else (None, b"")
        for address in self._contests.keys() - goal.addresses.keys():
            self._contests[address].wanted = Wanted((), declined=True)
        self.peers.want(frozenset(self._seats()), now)
        asked = self.peers.nodes
        lately = {node: its for node, its in self.nodes.items() if node in asked}
        self.nodes = lately | dict(goal.nodes)
        self._macs = {interface.mac: node for node, its in self.nodes.items() if node != goal.node for interface in its}

    def _seats(self) -> Iterator[Seat]:
        """Yield the nodes that this one asks: the first candidates of its addresses."""
        me = self._goal.node
        for contest in self._contests.values():
            first = contest.wanted.candidates[:WATCHED]
            if contest.home and (contest.is_held or me in first):
                yield from ((contest.home, node) for node in first if node != me)

    def take(self, interface: str, part: Part, now: float) -> bool:
        """Take a packet of another node; return whether `decide` may have news."""
        changed = self.peers.take(interface, part, now)
        if self.peers.is_back(interface, part.node, now):
            for contest in self._contests.values():
                if contest.is_held and contest.home == interface:
                    # Neighbor caches may have another node: this one, or one that took the address and is gone again.
                    self._defend(contest, now)
                    contest.announced = 0
        return changed or any(self._is_held(address) for address in part.table.held)

    @staticmethod
    def _defend(contest: _Contest, now: float) -> None:
        """Announce an address against another node or host: after a while of peace at once."""
        contest.is_urgent |= now - contest.defended >= _DEFEND_SECONDS
        contest.defended, contest.due = now, now

    def _is_held(self, address: Address) -> bool:
        contest = self._contests.get(address)
        return contest is not None and contest.is_held

    def claimed(self, address: Address, mac: bytes, now: float) -> bool:
        """Take note that another host says that it has `address`; return whether `decide` may have news."""
        contest = self._contests.get(address)
        if contest is None or not (contest.is_held or contest.probes):
            return False
        if any(mac == own.mac for own in self._interfaces.values()):
            return False
        node = self._macs.get(mac, "")
        contest.problem, contest.problem_at = Problem(mac_text(mac), node), now
        if contest.probes:
            contest.probes = 0
            contest.left_alone_until = now + (_BUSY_SECONDS if node else _TAKEN_SECONDS)
        elif contest.is_held and node and self._is_better(node, contest):
            contest.left_alone_until = now + _BUSY_SECONDS
        elif contest.is_held and now - contest.defended >= (0.1 if node else _DEFEND_SECONDS):
            self._defend(contest, now)
        return True

    def _is_better(self, node: str, contest: _Contest) -> bool:
        names = contest.wanted.candidates
        return node in names and (self._goal.node not in names or names.index(node) < names.index(self._goal.node))

    def decide(self, now: float) -> list[Action]:
        """Return the steps that are due."""
        if self._due is not None and now - self._due > _PAUSE_SECONDS and now - self._excused > _EXCUSED_SECONDS:
            self._excused = now
            self.peers.restart_clocks(now)
        actions: list[Action] = []
        repeats = _REPEATS_AT_ONCE
        for address, contest in list(self._contests.items()):
            if contest.is_held:
                action = self._keep(address, contest, now, may_repeat=repeats > 0)
                repeats -= action is not None and action.do is Do.ANNOUNCE
            else:
                action = self._try(address, contest, now)
            if action:
                actions.append(action)
            if contest.problem and now - contest.problem_at > _PROBLEM_SECONDS:
                contest.problem = None
            if not contest.is_held and address not in self._goal.addresses:
                del self._contests[address]
        if any(action.do in (Do.TAKE, Do.RELEASE) for action in actions):
            self.peers.want(frozenset(self._seats()), now)
        return actions

    def _keep(self, address: Address, contest: _Contest, now: float, *, may_repeat: bool) -> Action | None:
        """Keep an address, unless this node may not any longer, or a better candidate has it, too."""
        why = ""
        if self._leaving:
            why = "the process ends"
        elif contest.wanted.declined:
            why = "this node may not announce it any longer"
        elif contest.home is None:
            why = "the interface is gone"
        elif contest.held_as != (contest.home, contest.mac):
            why = "the interface is another one now"
        else:
            others = list(self.peers.holders(contest.home, address, now))
            both = [node for node in others if self._is_better(node, contest)]
            if others and now - contest.defended >= HELLO_SECONDS:
                self._defend(contest, now)
            if both or contest.left_alone_until > now:
                why = f"node {both[0]} announces it, too" if both else "a better candidate announces it, too"
        if why:
            contest.is_held, contest.probes = False, 0
            return Action(Do.RELEASE, address, why)
        if now < contest.due or not (may_repeat or contest.is_urgent):
            return None
        steps = ANNOUNCE_AFTER
        wait = steps[contest.announced] if contest.announced < len(steps) else REFRESH_SECONDS
        contest.announced, contest.due, contest.is_urgent = contest.announced + 1, now + wait, False
        return Action(Do.ANNOUNCE, address)

    def _try(self, address: Address, contest: _Contest, now: float) -> Action | None:
        """Ask for an address, or take it."""
        why = self._why_free(address, contest, now)
        if why is None or now < contest.left_alone_until:
            contest.probes = 0
            return None
        if not self.peers.was_released(address, now):
            if contest.probes and now < contest.due:
                return None
            if contest.probes < PROBES:
                contest.probes, contest.due = contest.probes + 1, now + PROBE_SECONDS
                return Action(Do.PROBE, address)
        self.peers.forget_release(address)
        contest.is_held, contest.probes, contest.problem = True, 0, None
        contest.held_as = contest.home, contest.mac
        contest.announced, contest.due, contest.is_urgent = 0, now + ANNOUNCE_AFTER[0], False
        return Action(Do.TAKE, address, why)

    def _why_free(self, address: Address, contest: _Contest, now: float) -> str | None:
        """Return why this node should take an address that it does not have; None if it should not."""
        me, wanted = self._goal.node, contest.wanted
        if self._leaving or wanted.declined or contest.home is None or me not in wanted.candidates[:WATCHED]:
            return None
        if any(self.peers.holders(contest.home, address, now)):
            return None
        silent = []
        for node in wanted.candidates[:WATCHED]:
            peer = self.peers.get(contest.home, node)
            if node == me or peer is None:
                continue
            is_before = wanted.candidates.index(node) < wanted.candidates.index(me)
            lives = peer.lives(now)
            if lives and (not peer.is_known or (is_before and address not in peer.table.declined)):
                return None
            if is_before and not lives and not peer.table.leaving:
                silent.append(node)
        return f"silent: {', '.join(silent)}" if silent else "this node is the best candidate"

    def leave(self) -> None:
        """Release all."""
        self._leaving = True

    def table(self, interface: str) -> Table:
        """Return what this node says on the LAN of an interface."""
        mine = {address: contest for address, contest in self._contests.items() if contest.home == interface}
        return Table(
            frozenset(address for address, contest in mine.items() if contest.is_held),
            frozenset(address for address, contest in mine.items() if self._declines(contest)),
            self._leaving,
        )

    @staticmethod
    def _declines(contest: _Contest) -> bool:
        by_host = contest.problem is not None and not contest.problem.node and not contest.is_held
        return contest.wanted.declined or by_host

    def held(self) -> Iterable[Address]:
        """Yield the addresses that this node announces."""
        return (address for address, contest in self._contests.items() if contest.is_held)

    def problems(self) -> dict[Address, Problem]:
        """Return what is wrong, by address."""
        return {address: contest.problem for address, contest in self._contests.items() if contest.problem}

    def prepared(self) -> Iterator[Address]:
        """Yield the addresses that this node announces, or may have to within a second."""
        for address, contest in self._contests.items():
            if contest.is_held or self._goal.node in contest.wanted.candidates[:WATCHED]:
                yield address

    def due(self, now: float) -> float:
        """Return when to decide again if nothing happens."""
        times = [self.peers.next_death(now) + 0.001]
        for contest in self._contests.values():
            if contest.is_held or contest.probes:
                times.append(contest.due)
            elif contest.left_alone_until > now:
                times.append(contest.left_alone_until)
        self._due = max(min(times), now + 0.005)
        if any(contest.is_held and contest.due <= now for contest in self._contests.values()):
            self._due = now + _REPEAT_SECONDS
        return self._due
