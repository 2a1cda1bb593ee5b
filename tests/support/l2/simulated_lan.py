"""A LAN on which elections of several nodes meet, with a clock that tests turn."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_interface

from exalb_l2 import hello
from exalb_l2.election import HELLO_SECONDS, Do, Election
from exalb_l2.frames import Address
from exalb_l2.goal import Goal, Interface, Wanted

STEP = 0.01
SETTLED = 3.0
"""Seconds in which every disagreement ends."""


def interface(number: int) -> Interface:
    """Return the interface of node `number` on the LAN."""
    return Interface("eth0", bytes((2, 0, 0, 0, 0, number)), (ip_interface(f"10.0.0.{number}/24"),))


class SimulatedLan:
    """Nodes n1, n2 … that are candidates in the orders that `goal` says."""

    def __init__(self, count: int) -> None:
        self.now = 1000.0
        self.interfaces = {f"n{number}": interface(number) for number in range(1, count + 1)}
        self.elections: dict[str, Election] = {}
        self.off: set[str] = set()
        """Nodes without power."""
        self.cut: set[str] = set()
        """Nodes whose cable is pulled."""
        self.walled: set[str] = set()
        """Nodes whose packets of the election a firewall drops; their frames pass."""
        self.paused: set[str] = set()
        """Nodes that stand still, as a virtual machine does: what is sent to them is lost."""
        self.framed = True
        """Whether announcements arrive."""
        self.probes = 0
        self.foreign: dict[Address, bytes] = {}
        """Addresses that a host outside the cluster has, with its MAC address."""
        self.moves: list[tuple[float, str, Address]] = []
        self.found: dict[Address, str] = {}
        """The node to which a client sends: that whose announcement arrived last."""
        self.announcements: list[tuple[float, str, Address]] = []
        self.declined = frozenset[str]()
        """Nodes that may not announce, for a reason of their own."""
        self._goal: dict[Address, Wanted] = {}
        self._hello_at: dict[str, float] = {}
        self._sequence = 0
        self._instances: dict[str, int] = {}
        for name in self.interfaces:
            self.start(name)

    def start(self, name: str) -> None:
        """Start the process of a node, with nothing known."""
        self.off.discard(name)
        self.elections[name] = Election()
        self._instances[name] = self._instances.get(name, 0) + 1
        self._hello_at[name] = 0.0
        self._configure(name)

    def goal(
        self,
        orders: Mapping[Address, Sequence[str]],
        declined: frozenset[str] = frozenset(),
        late: frozenset[str] = frozenset(),
    ) -> None:
        """Give all nodes a goal, but those of `late`, whose speakers take longer.

        Nodes of `declined` may not announce, for a reason of their own.
        """
        self._goal = {address: Wanted(tuple(names)) for address, names in orders.items()}
        self.declined = declined
        for name in self.elections.keys() - late:
            self._configure(name)

    def decline(self, declined: frozenset[str]) -> None:
        """Let these nodes, and no others, decline all addresses."""
        self.declined = declined
        for name in self.elections:
            self._configure(name)

    def _configure(self, name: str) -> None:
        mine = {
            address: Wanted(wanted.candidates, declined=name in self.declined)
            for address, wanted in self._goal.items()
            if name in wanted.candidates
        }
        known = {other for wanted in mine.values() for other in wanted.candidates}
        nodes = {other: (self.interfaces[other],) for other in known}
        self.elections[name].configure(Goal(name, mine, nodes), {"eth0": self.interfaces[name]}, self.now)

    def holders(self, address: Address) -> list[str]:
        """Return the nodes that live and announce an address."""
        return [name for name in self._living() if address in set(self.elections[name].held())]

    def _living(self) -> list[str]:
        return [name for name in self.elections if name not in self.off]

    def _reachable(self, name: str) -> list[str]:
        return [other for other in self._living() if other != name and not {name, other} & self.cut]

    def _hearers(self, name: str) -> list[str]:
        """List the nodes to which the packets of a node come: each knows the interfaces of the other."""
        apart = self.paused | (set(self.elections) if name in self.walled else self.walled)
        ways = {other: self.elections[other].nodes for other in self._reachable(name) if other not in apart}
        return [other for other, known in ways.items() if name in known and other in self.elections[name].nodes]

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.now < end:
            self.now += STEP
            for name in self._living():
                if name not in self.paused:
                    self._step(name)

    def leave(self, name: str) -> None:
        """End the process of a node as the kubelet does."""
        self.elections[name].leave()
        self._step(name)
        self._say(name)
        self.off.add(name)

    def _step(self, name: str) -> None:
        election = self.elections[name]
        actions = election.decide(self.now)
        for action in actions:
            address = action.address
            if action.do is Do.PROBE:
                self._probe(name, address)
            elif action.do is not Do.RELEASE:
                self.announcements.append((self.now, name, address))
                if self.framed and name not in self.cut:
                    self.found[address] = name
                for other in set(self._reachable(name)) - self.paused if self.framed else ():
                    self.elections[other].claimed(address, self.interfaces[name].mac, self.now)
            if action.do is Do.TAKE:
                self.moves.append((self.now, name, address))
        election.due(self.now)
        if self.now >= self._hello_at[name] or any(one.do in (Do.TAKE, Do.RELEASE) for one in actions):
            self._say(name)

    def _probe(self, name: str, address: Address) -> None:
        election, self.probes = self.elections[name], self.probes + 1
        for other in self._reachable(name):
            if other not in self.paused and address in set(self.elections[other].held()):
                election.claimed(address, self.interfaces[other].mac, self.now)
        if address in self.foreign and name not in self.cut:
            election.claimed(address, self.foreign[address], self.now)

    def _say(self, name: str) -> None:
        self._hello_at[name] = self.now + HELLO_SECONDS
        self._sequence += 1
        table, instance = self.elections[name].table("eth0"), self._instances[name]
        for (_, other), is_reply in self.elections[name].peers.targets(self.now).items():
            if other in self._hearers(name):
                for packet in hello.packets(name, instance, self._sequence, table, is_reply=is_reply):
                    self.elections[other].take("eth0", hello.read(packet), self.now)
