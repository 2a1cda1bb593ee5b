"""Each address is decided on one LAN, its home: what nodes say or leave unsaid on another LAN changes nothing there."""

from ipaddress import ip_address, ip_interface

from exalb_l2.election import HELLO_SECONDS, Action, Do, Election
from exalb_l2.frames import Address
from exalb_l2.goal import Goal, Interface, Wanted
from exalb_l2.hello import Part, Table
from exalb_l2.peers import DETECT_SECONDS

FRONT, BACK = ip_address("10.0.0.100"), ip_address("10.1.0.100")
HOME = {FRONT: "eth0", BACK: "eth1"}
LANS = tuple(HOME.values())
ORDER = ("n1", "n2")


def interfaces(number: int) -> tuple[Interface, ...]:
    """Return the interfaces of node `number`: one on each LAN."""
    return tuple(
        Interface(name, bytes((2, 0, 0, 0, lan, number)), (ip_interface(f"10.{lan}.0.{number}/24"),))
        for lan, name in enumerate(LANS)
    )


class Node:
    """The election of one of two nodes; the test says what the other one says."""

    def __init__(self, name: str) -> None:
        self.now, self.election, self._said = 1000.0, Election(), 0
        known = {other: interfaces(number) for number, other in enumerate(ORDER, 1)}
        goal = Goal(name, {address: Wanted(ORDER) for address in HOME}, known)
        self.election.configure(goal, {each.name: each for each in known[name]}, self.now)
        (self._other,) = set(ORDER) - {name}

    def hear(self, lan: str, *held: Address) -> None:
        """Take what the other node says on a LAN."""
        self._said += 1
        self.election.take(lan, Part(self._other, 1, self._said, 0, 1, False, Table(frozenset(held))), self.now)

    def run(self, seconds: float, said: dict[str, tuple[Address, ...]]) -> list[Action]:
        """Let time pass, while the other node says this on each LAN where it is; return all steps."""
        actions, end = list[Action](), self.now + seconds
        while self.now < end:
            for lan, held in said.items():
                self.hear(lan, *held)
            actions += self.election.decide(self.now)
            self.election.due(self.now)
            self.now += HELLO_SECONDS / 5
        return actions

    @property
    def held(self) -> set[Address]:
        """The addresses that it announces."""
        return set(self.election.held())


def holder() -> Node:
    """Return the first candidate, which announces both addresses while the second one lives and has none."""
    node = Node("n1")
    node.run(12, {"eth0": (), "eth1": ()})
    assert node.held == {FRONT, BACK}
    return node


def test_each_lan_is_told_of_its_own_addresses() -> None:
    node = holder()
    assert {lan: node.election.table(lan).held for lan in LANS} == {"eth0": {FRONT}, "eth1": {BACK}}


def test_other_candidate_is_asked_on_the_lan_of_each_address() -> None:
    assert set(Node("n2").election.peers.targets(1000.0)) == {("eth0", "n1"), ("eth1", "n1")}


def test_node_that_is_silent_on_one_lan_is_followed_there_alone() -> None:
    node = Node("n2")
    node.run(3, {"eth0": (FRONT,), "eth1": (BACK,)})
    assert node.held == set()
    node.run(2 * DETECT_SECONDS, {"eth0": (FRONT,)})
    assert node.held == {BACK}


def test_node_that_is_back_on_one_lan_has_the_addresses_of_that_lan_announced_to_it_alone() -> None:
    node = holder()
    node.run(3, {"eth0": ()})
    assert node.run(1, {"eth0": ()}) == []
    actions = node.run(0.05, {"eth0": (), "eth1": ()})
    assert [(one.do, one.address) for one in actions] == [(Do.ANNOUNCE, BACK)]


def test_address_that_a_node_announces_on_another_lan_is_free_at_home() -> None:
    """As where an L2Advertisement names another interface there."""
    node = Node("n1")
    node.run(3, {"eth0": (), "eth1": (FRONT,)})
    assert node.held == {FRONT, BACK}
