"""How soon, and at which cost, a node answers a client that asks all the time."""

import os
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest

from exalb_l2.frames import Address
from tests.lab.wait import until
from tests.support.l2 import questions
from tests.support.l2.network_lan import NetworkLan
from tests.support.lab_run import lab_run
from tests.support.note import Note
from tests.support.processes import Process

CLIENT, CLIENT6 = IPv4Address("10.99.0.200"), IPv6Address("fd00:99::c8")
ADDRESSES: tuple[Address, ...] = tuple(CLIENT - number for number in range(20, 40))
ADDRESSES6: tuple[Address, ...] = tuple(CLIENT6 + number for number in range(20, 40))
SECONDS = 3.0


@pytest.fixture
def lan() -> Iterator[NetworkLan]:
    """Return a LAN of one node, which announces all the addresses."""
    with lab_run(f"q{os.getpid()}") as name:
        lan = NetworkLan(name, 1)
        lan.nodes["n1"].start()
        lan.goal(dict.fromkeys(ADDRESSES + ADDRESSES6, ("n1",)))
        for address in ADDRESSES + ADDRESSES6:
            lan.until_held(address, "n1")
        yield lan
        lan.end()


@pytest.fixture(params=[(CLIENT, *ADDRESSES), (CLIENT6, *ADDRESSES6)], ids=["ARP", "NDP"])
def asked(request: pytest.FixtureRequest) -> tuple[Address, ...]:
    """Return the address of the client, and those that it asks for."""
    found: tuple[Address, ...] = request.param
    return found


def _ask(lan: NetworkLan, note: Note, rate: int, asked: tuple[Address, ...]) -> tuple[questions.Timed, float]:
    """Ask at a rate; return the answers, and how often the process woke up in a second."""
    started = lan.nodes["n1"].process
    assert started
    process = Process(started.pid, "l2", "n1")
    before, woken = process.cpu_seconds(), process.wake_ups()
    timed = questions.ask(lan.client, asked[0], rate, SECONDS, *asked[1:])
    share = 100 * (process.cpu_seconds() - before) / SECONDS
    rate_of_wakes = (process.wake_ups() - woken) / SECONDS
    note(f"{rate} questions a second", f"{share:.1f} % of a core, {rate_of_wakes:.0f} wake-ups a second, {timed}")
    return timed, rate_of_wakes


def test_each_question_of_a_thousand_a_second_is_answered_at_once(
    lan: NetworkLan, note: Note, asked: tuple[Address, ...]
) -> None:
    """Not together with the questions of the next milliseconds."""
    timed, _ = _ask(lan, note, 1000, asked)
    assert timed.answered == timed.asked
    assert timed.median < 0.002


def test_flood_costs_a_part_of_a_core_and_ends(lan: NetworkLan, note: Note, asked: tuple[Address, ...]) -> None:
    """Its frames are read together; then each question is answered at once again."""
    timed, wakes = _ask(lan, note, 10_000, asked)
    assert timed.answered > 0.5 * timed.asked, "the asker may be too slow to read all answers"
    assert wakes < 500
    until("the flood is over", lambda: _ask(lan, note, 100, asked)[0].median < 0.002, seconds=30)
