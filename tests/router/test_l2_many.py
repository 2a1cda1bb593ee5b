"""1,000 addresses of one node that move at once, as a client and an observer on the LAN see it."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import ip_address, ip_network

import pytest

from exalb_l2.frames import Address
from exalb_l2.goal import Goal, Wanted, mac_text
from tests.lab.wait import until
from tests.support.l2.claims import Claims
from tests.support.l2.network_lan import NetworkLan
from tests.support.lab_run import lab_run
from tests.support.note import Note

NETWORK = ip_network("10.99.4.0/22")
ADDRESSES: tuple[Address, ...] = tuple(ip_address(int(NETWORK.network_address) + host) for host in range(1, 1001))
KNOWN = ADDRESSES[::20]
"""Addresses that the client has in its neighbour cache: 1,024 entries are the most that all hosts of a kernel have."""
SECONDS, SLACK = 60.0, 1.0
"""How long a test waits, and how much longer a busy machine may take."""


@pytest.fixture
def lan() -> Iterator[NetworkLan]:
    """Return a LAN of two nodes, of which the first announces all the addresses."""
    with lab_run(f"m{os.getpid()}") as name:
        lan = NetworkLan(name, 2)
        lan.client.ip(f"route add {NETWORK} dev eth0")
        for node in lan.nodes.values():
            # This stands for kube-proxy, which accepts packets for them.
            node.namespace.ip(f"route add local {NETWORK} dev lo")
            node.start()
        _want(lan, "n1", "n2")
        _until_holds(lan, "n1")
        lan.client.run(["sh", "-c", "; ".join(f"ping -c1 -W5 {address} >/dev/null" for address in KNOWN)])
        assert _known(lan) == {mac_text(lan.nodes["n1"].interface.mac)}
        yield lan
        lan.end()


def _want(lan: NetworkLan, *order: str) -> None:
    """Give all running nodes the goal that these nodes are the candidates, in this order."""
    known = {name: (node.interface,) for name, node in lan.nodes.items()}
    for name, node in lan.nodes.items():
        mine = dict.fromkeys(ADDRESSES, Wanted(order, ("eth0",))) if name in order else {}
        assert node.status(Goal(name, mine, known)) is not None


def _until_holds(lan: NetworkLan, name: str, *, alone: bool = True) -> None:
    """Return when a node says that it announces all the addresses, and no other node says so of one."""

    def holds() -> bool:
        found = {other: set(status.held) for other in lan.nodes if (status := lan.nodes[other].status(None))}
        assert found[name] == set(ADDRESSES), {other: len(held) for other, held in found.items()}
        return not alone or not any(held for other, held in found.items() if other != name)

    until(f"{name} announces all of them", holds, seconds=SECONDS)


def _known(lan: NetworkLan) -> set[str]:
    """Return the MAC addresses that the client's neighbour cache has for the addresses that it knows."""
    return {lan.mac(address) for address in KNOWN}


def _move(lan: NetworkLan, note: Note, what: str, act: Callable[[], None], to: str, *, alone: bool = True) -> float:
    """Let something happen by which another node announces everything; return how long it took, in seconds."""
    mac = lan.nodes[to].interface.mac
    with Claims(lan.client) as claims, lan.pinging(ADDRESSES[-1]) as pings:
        begun = time.time()
        act()
        until(f"{to} said of all that it has them", lambda: claims.by(mac).keys() == set(ADDRESSES), seconds=SECONDS)
        _until_holds(lan, to, alone=alone)
    times = sorted(at - begun for at in claims.by(mac).values())
    note(what, f"first {times[0]:.3f} s, last {times[-1]:.3f} s; {pings.lost} of {pings.sent} pings to one lost")
    until("the client's cache follows", partial(_follows, lan, to), seconds=SECONDS)
    return times[-1]


def _follows(lan: NetworkLan, to: str) -> bool:
    return _known(lan) == {mac_text(lan.nodes[to].interface.mac)}


def test_clean_stop_moves_all(lan: NetworkLan, note: Note) -> None:
    _move(lan, note, "clean stop", lan.nodes["n1"].stop, "n2")


def test_power_loss_moves_all(lan: NetworkLan, note: Note) -> None:
    _move(lan, note, "power loss", partial(lan.power_off, "n1"), "n2")


def test_drain_moves_all(lan: NetworkLan, note: Note) -> None:
    _move(lan, note, "drain", partial(_want, lan, "n2"), "n2")


def test_partition_moves_all_for_the_client_and_its_end_leaves_one_holder(lan: NetworkLan, note: Note) -> None:
    """While the node is cut off, both announce: each on its own side."""
    _move(lan, note, "partition", partial(lan.part, "n1"), "n2", alone=False)
    both = {name: len(status.held) for name, node in lan.nodes.items() if (status := node.status(None))}
    assert both == {"n1": len(ADDRESSES), "n2": len(ADDRESSES)}
    assert _move(lan, note, "end of the partition", partial(lan.join, "n1"), "n1") < 2.0 + SLACK
