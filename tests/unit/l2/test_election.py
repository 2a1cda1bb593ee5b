"""Who announces an address on a LAN, after whatever happens to the nodes there."""

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from exalb_l2.election import PROBES
from exalb_l2.peers import DETECT_SECONDS
from tests.support.l2.simulated_lan import SETTLED, SimulatedLan

WEB, API = ip_address("10.0.0.100"), ip_address("10.0.0.101")
ORDER = ("n1", "n2", "n3")
MANY = [ip_address(f"10.0.0.{host}") for host in range(20, 220)]
HOST = bytes.fromhex("02aabbccddee")


def settled(count: int = 3) -> SimulatedLan:
    """Return a LAN where n1 announces the address."""
    lan = SimulatedLan(count)
    lan.goal({WEB: ORDER[:count]})
    lan.run(SETTLED)
    assert lan.holders(WEB) == ["n1"]
    lan.moves.clear()
    return lan


def silence(lan: SimulatedLan) -> float:
    """Return the seconds from now until another node announces the address."""
    since = lan.now
    lan.run(SETTLED)
    (move,) = lan.moves
    return move[0] - since


def test_best_candidate_takes_the_address() -> None:
    settled()


def test_single_candidate_takes_the_address() -> None:
    settled(1)


def test_next_candidate_takes_it_after_a_clean_stop_at_once() -> None:
    lan = settled()
    lan.leave("n1")
    assert silence(lan) <= 0.02
    assert lan.holders(WEB) == ["n2"]


def test_next_candidate_takes_it_within_a_second_of_a_power_loss() -> None:
    lan = settled()
    lan.off.add("n1")
    assert DETECT_SECONDS - 0.26 <= silence(lan) <= 1.0
    assert lan.holders(WEB) == ["n2"]


def test_third_candidate_takes_it_when_two_die_together() -> None:
    lan = settled()
    lan.off.update({"n1", "n2"})
    assert silence(lan) <= 1.0
    assert lan.holders(WEB) == ["n3"]


def test_holder_keeps_the_address_when_a_better_one_comes_back() -> None:
    lan = settled()
    lan.off.add("n1")
    lan.run(SETTLED)
    lan.start("n1")
    lan.run(SETTLED)
    assert lan.holders(WEB) == ["n2"]


def test_holder_that_is_no_candidate_any_longer_hands_over_at_once() -> None:
    """As with a drain: the picture changes on all nodes."""
    lan = settled()
    lan.goal({WEB: ("n2", "n3")})
    assert silence(lan) <= 0.03
    assert lan.holders(WEB) == ["n2"]


def test_order_that_changes_moves_nothing() -> None:
    lan = settled()
    lan.goal({WEB: ("n3", "n2", "n1")})
    lan.run(SETTLED)
    assert (lan.holders(WEB), lan.moves) == (["n1"], [])


def test_better_candidate_that_declines_is_passed_over() -> None:
    lan = SimulatedLan(3)
    lan.goal({WEB: ORDER}, declined=frozenset({"n1"}))
    lan.run(SETTLED)
    assert lan.holders(WEB) == ["n2"]


def test_holder_that_declines_hands_over() -> None:
    lan = settled()
    lan.goal({WEB: ORDER}, declined=frozenset({"n1"}))
    lan.run(0.05)
    assert lan.holders(WEB) == ["n2"]


def test_firewall_between_nodes_makes_no_second_holder() -> None:
    lan = settled()
    lan.walled.update(ORDER)
    lan.run(10)
    assert (lan.holders(WEB), lan.moves) == (["n1"], [])
    assert lan.elections["n2"].problems()[WEB].node == "n1"


def test_two_holders_become_one_when_a_cable_is_back() -> None:
    lan = settled()
    lan.cut.add("n1")
    lan.run(SETTLED)
    assert lan.holders(WEB) == ["n1", "n2"]
    lan.cut.clear()
    lan.run(0.3)
    assert lan.holders(WEB) == ["n1"]


@pytest.mark.parametrize("moment", [number / 20 for number in range(5)])
def test_client_finds_the_holder_that_stays_when_a_cable_is_back(moment: float) -> None:
    """Whichever of the two speaks first: the client has the other one in its cache."""
    lan = settled()
    lan.cut.add("n1")
    lan.run(10 + moment)
    assert lan.found == {WEB: "n2"}
    lan.cut.clear()
    lan.run(0.6)
    assert (lan.holders(WEB), lan.found) == (["n1"], {WEB: "n1"})


def test_client_finds_the_holder_that_stood_still() -> None:
    """For itself, it has the address all the time; the client has the other one in its cache."""
    lan = settled()
    lan.run(5)
    lan.paused.add("n1")
    lan.run(10)
    assert lan.found == {WEB: "n2"}
    lan.paused.clear()
    lan.run(0.6)
    assert [lan.found[WEB]] == lan.holders(WEB)
    lan.run(5)
    lan.announcements.clear()
    lan.run(10)
    assert lan.announcements == []


@pytest.mark.parametrize("moment", [number / 20 for number in range(5)])
def test_holder_announces_again_what_a_node_may_have_taken_that_is_back_from_a_silence(moment: float) -> None:
    """All of them: another node may have taken one there, and be gone. Nothing where a node left and started again."""
    lan = SimulatedLan(3)
    lan.goal({WEB: ("n1", "n2"), API: ("n1", "n3")})
    lan.run(10)
    lan.leave("n2")
    lan.cut.add("n3")
    lan.run(5 + moment)
    lan.start("n2")
    lan.announcements.clear()
    lan.run(1)
    assert lan.announcements == []
    lan.cut.clear()
    lan.run(1)
    assert {(name, address) for _, name, address in lan.announcements} == {("n1", WEB), ("n1", API)}


def test_client_finds_the_holder_again_when_the_node_that_took_the_address_meanwhile_is_dead() -> None:
    """The holder was cut off, another node took the address and died; a third one shows that there was a partition."""
    lan = SimulatedLan(3)
    lan.goal({WEB: ("n1", "n2"), API: ("n1", "n3")})
    lan.run(5)
    lan.cut.add("n1")
    lan.run(5)
    assert lan.found[WEB] == "n2"
    lan.off.add("n2")
    lan.run(5)
    lan.cut.clear()
    lan.run(0.6)
    assert (lan.holders(WEB), lan.found[WEB]) == (["n1"], "n1")


def test_all_addresses_are_announced_at_once_when_a_cable_is_back_and_then_repeated_one_after_another() -> None:
    lan = SimulatedLan(2)
    lan.goal(dict.fromkeys(MANY, ("n1", "n2")))
    lan.run(30)
    for seconds, is_at_once in ((12, True), (2, False)):
        lan.cut.add("n1")
        lan.run(seconds)
        lan.cut.clear()
        lan.announcements.clear()
        lan.run(0.3)
        by_tick = Counter(round(at, 3) for at, name, _ in lan.announcements if name == "n1")
        assert (max(by_tick.values()) >= len(MANY)) is is_at_once, "the second time in 10 s a cable may be loose"
        lan.announcements.clear()
        lan.run(1)
        assert 150 <= len(lan.announcements) <= 450
        lan.run(SETTLED)
        assert lan.found == dict.fromkeys(MANY, "n1")


def test_node_that_nobody_asked_is_not_back_from_a_silence_when_it_speaks() -> None:
    """It had no reason to speak: no client has another node in its neighbor cache."""
    lan = SimulatedLan(2)
    lan.goal(dict.fromkeys(MANY, ("n1", "n2")))
    lan.run(30)
    lan.goal(dict.fromkeys(MANY, ("n1",)))
    lan.run(8)
    lan.announcements.clear()
    lan.goal(dict.fromkeys(MANY, ("n1", "n2")), late=frozenset({"n1"}))
    lan.run(0.3)
    lan.goal(dict.fromkeys(MANY, ("n1", "n2")))
    lan.run(1)
    assert lan.announcements == []
    assert lan.found == dict.fromkeys(MANY, "n1")


def test_node_that_was_cut_off_is_back_though_nobody_asked_it_at_last() -> None:
    lan = settled(2)
    lan.cut.add("n2")
    lan.run(SETTLED)
    lan.goal({WEB: ("n1",)}, late=frozenset({"n2"}))
    lan.goal({WEB: ("n1", "n2")}, late=frozenset({"n2"}))
    lan.cut.clear()
    lan.announcements.clear()
    lan.run(0.3)
    assert {name for _, name, _ in lan.announcements} >= {"n1"}


def test_two_holders_that_only_packets_show_become_one() -> None:
    """Where frames were lost: the words of the packets are enough."""
    lan = settled()
    lan.cut.add("n1")
    lan.run(SETTLED)
    lan.cut.clear()
    lan.framed = False
    lan.run(0.6)
    assert lan.holders(WEB) == ["n1"]


def test_node_that_holds_it_is_never_asked_again_and_again() -> None:
    """Its packets say that it has the address, so others need not ask for it on the LAN."""
    lan = SimulatedLan(2)
    lan.goal({WEB: ("n2", "n1")})
    lan.run(SETTLED)
    lan.goal({WEB: ("n1", "n2")})
    lan.probes = 0
    lan.run(SETTLED)
    assert (lan.holders(WEB), lan.probes) == (["n2"], 0)


def test_node_that_heard_of_a_release_before_it_was_no_candidate_asks_before_it_takes() -> None:
    """It does not know who took the address: the packet that said so was lost."""
    lan = SimulatedLan(2)
    lan.goal({WEB: ("n2", "n1")})
    lan.run(SETTLED)
    lan.goal({WEB: ("n2", "n1")}, declined=frozenset({"n1", "n2"}))
    lan.run(0.1)
    lan.walled.update({"n1", "n2"})
    lan.goal({WEB: ("n2",)})
    lan.run(0.3)
    assert lan.holders(WEB) == ["n2"]
    lan.moves.clear()
    lan.goal({WEB: ("n1", "n2")})
    lan.run(SETTLED)
    assert (lan.holders(WEB), lan.moves) == (["n2"], [])


def test_new_candidate_asks_before_it_takes_what_a_process_released_that_ended() -> None:
    """The next process of that node has the address again, and no reason to say so to a node that is no candidate."""
    lan = SimulatedLan(2)
    lan.goal({WEB: ("n1",), API: ("n1", "n2")})
    lan.run(SETTLED)
    lan.leave("n1")
    lan.goal({WEB: ("n1",)})
    lan.start("n1")
    lan.run(0.5)
    assert lan.holders(WEB) == ["n1"]
    lan.moves.clear()
    lan.goal({WEB: ("n2", "n1")})
    lan.run(SETTLED)
    assert (lan.holders(WEB), lan.moves) == (["n1"], [])


@pytest.mark.parametrize("seconds", [1, 5, 8, 20])
def test_node_that_was_no_candidate_for_a_while_takes_nobody_for_dead(seconds: float) -> None:
    lan = settled(2)
    lan.goal({WEB: ("n2",)})
    lan.run(seconds)
    lan.moves.clear()
    lan.goal({WEB: ("n2", "n1"), API: ("n2", "n1")})
    lan.paused.add("n2")  # as where its speaker takes longer
    lan.run(0.25)
    lan.paused.clear()
    lan.run(SETTLED)
    assert [(name, address) for _, name, address in lan.moves] == [("n2", API)]


def test_node_that_is_candidate_no_longer_is_spoken_with_for_a_while_only() -> None:
    lan = settled(2)
    lan.goal({WEB: ("n2",)})
    lan.run(30)
    lan.goal({API: ("n2",)})
    assert set(lan.elections["n2"].nodes) == {"n2"}


def test_process_that_stood_still_asks_nobody_at_once() -> None:
    lan = settled()
    lan.paused.add("n2")
    lan.run(5)
    lan.paused.clear()
    lan.probes = 0
    lan.run(0.2)
    assert lan.probes == 0


def test_address_of_another_host_is_not_taken_until_it_is_free() -> None:
    lan = SimulatedLan(2)
    lan.foreign[WEB] = HOST
    lan.goal({WEB: ("n1", "n2")})
    lan.run(20)
    assert lan.holders(WEB) == []
    assert lan.elections["n1"].problems()[WEB].mac == "02:aa:bb:cc:dd:ee"
    lan.foreign.clear()
    lan.run(6)
    assert len(lan.holders(WEB)) == 1


def test_holder_keeps_an_address_that_another_host_claims_and_says_so() -> None:
    lan = settled()
    lan.elections["n1"].claimed(WEB, HOST, lan.now)
    lan.run(1)
    assert lan.holders(WEB) == ["n1"]
    assert (lan.elections["n1"].problems()[WEB].mac, lan.elections["n1"].problems()[WEB].node) == (
        "02:aa:bb:cc:dd:ee",
        "",
    )


def test_process_that_stood_still_takes_nothing_from_the_living() -> None:
    lan = settled()
    lan.paused.add("n2")
    lan.run(5)
    lan.paused.clear()
    lan.run(SETTLED)
    assert (lan.holders(WEB), lan.moves) == (["n1"], [])


def test_holder_that_stood_still_yields_to_the_better_one_of_two() -> None:
    lan = settled()
    lan.paused.add("n1")
    lan.run(SETTLED)
    lan.paused.clear()
    lan.run(SETTLED)
    assert len(lan.holders(WEB)) == 1


@pytest.mark.parametrize("end", ["removed", "interface"])
def test_address_is_released(end: str) -> None:
    lan = settled(1)
    if end == "removed":
        lan.goal({})
    else:
        lan.interfaces["n1"] = lan.interfaces["n1"].__class__("eth0", lan.interfaces["n1"].mac, ())
        lan.goal({WEB: ("n1",)})
    lan.run(0.05)
    assert lan.holders(WEB) == []


@pytest.mark.parametrize("change", [{"mac": bytes((2, 0, 0, 0, 0, 99))}, {"name": "eth1"}], ids=["MAC address", "name"])
def test_address_is_taken_again_on_another_interface(change: dict[str, Any]) -> None:
    """Neighbour caches have the old MAC address, and on the other LAN the address may be somebody's."""
    lan = settled(1)
    lan.interfaces["n1"] = replace(lan.interfaces["n1"], **change)
    lan.goal({WEB: ("n1",)})
    lan.run(SETTLED)
    assert [(name, address) for _, name, address in lan.moves] == [("n1", WEB)]
    assert lan.probes == 2 * PROBES
