"""One peer's way to its table, step by step."""

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from exalb_bgp.convergence import CHUNK, WINDOW, Adjacency
from exalb_bgp.events import Negotiated, Updated
from exalb_bgp.paths import resolve
from exalb_bgp.rib import Attributes, Prefix, Rib
from exalb_bgp.session import Family, Session
from exalb_bgp.steps import Announce, EndOfRib, Replay, Step, Withdraw

NODE = IPv4Address("10.77.0.11")
SESSION = Session("tor", IPv4Address("10.77.0.100"), 64512, 64513, NODE, families=frozenset({Family.IPV4}))
P1, P2, P3 = (ip_network(f"198.51.100.{number}/32") for number in (1, 2, 3))
V6 = ip_network("2001:db8:100::1/128")
A, B = Attributes(med=1), Attributes(med=2)


def peer(rib: Rib, session: Session = SESSION, families: Iterable[Family] = (Family.IPV4,)) -> Adjacency:
    """Return an Established peer that was told nothing yet."""
    adjacency = Adjacency(session)
    adjacency.negotiate(Negotiated(session.peer_address, NODE, frozenset(families), False))
    adjacency.desire(session, rib)
    adjacency.establish()
    return adjacency


def shown(attributes: Attributes, *prefixes: Prefix) -> Updated:
    """Return the event of an announcement that was written."""
    return Updated(SESSION.peer_address, ((resolve(attributes, NODE, SESSION), prefixes),))


def withdrawn(*prefixes: Prefix) -> Updated:
    return Updated(SESSION.peer_address, withdrawn=prefixes)


def steps(adjacency: Adjacency) -> list[Step]:
    return list(adjacency.steps())


def announce(attributes: Attributes, *prefixes: Prefix) -> Announce:
    return Announce(SESSION, resolve(attributes, NODE, SESSION), prefixes)


def test_a_table_goes_out_in_groups_and_ends_with_end_of_rib() -> None:
    adjacency = peer({P1: A, P2: B, P3: A})
    assert steps(adjacency) == [announce(A, P1, P3), announce(B, P2)]
    assert steps(adjacency) == []
    adjacency.confirm(shown(A, P1, P3))
    assert (adjacency.sent, steps(adjacency)) == (2, [])
    adjacency.confirm(shown(B, P2))
    assert steps(adjacency) == [EndOfRib(SESSION, Family.IPV4)]
    assert (steps(adjacency), adjacency.settled) == ([], False)
    adjacency.completed.add(Family.IPV4)
    assert (steps(adjacency), adjacency.settled) == ([], True)


def test_an_empty_table_ends_too() -> None:
    assert steps(peer({})) == [EndOfRib(SESSION, Family.IPV4)]


def test_a_change_waits_for_the_one_before_it() -> None:
    adjacency = peer({P1: A})
    steps(adjacency)
    adjacency.desire(SESSION, {P1: B})
    adjacency.acknowledge([P1], done=True)
    assert steps(adjacency) == [], "an answer does not say that the UPDATE was written"
    adjacency.confirm(shown(A, P1))
    assert steps(adjacency) == [announce(B, P1)]


def test_an_older_path_that_is_repeated_confirms_nothing() -> None:
    adjacency = peer({P1: A})
    steps(adjacency)
    adjacency.confirm(shown(A, P1))
    steps(adjacency)
    adjacency.desire(SESSION, {P1: B})
    assert steps(adjacency) == [announce(B, P1)]
    adjacency.confirm(shown(A, P1))
    adjacency.desire(SESSION, {})
    assert steps(adjacency) == [], "the announcement of B is still under way"


def test_withdrawals_go_before_announcements_and_past_the_window() -> None:
    first = {ip_network(f"203.0.113.{number}/32"): A for number in range(100)}
    bulk = {ip_network((0x0A000000 + number, 32)): B for number in range(1000)}
    adjacency = peer(first)
    for step in steps(adjacency):
        assert isinstance(step, Announce)
        adjacency.confirm(shown(A, *step.prefixes))
    adjacency.desire(SESSION, first | bulk)
    assert sum(len(step.prefixes) for step in steps(adjacency) if isinstance(step, Announce)) == WINDOW
    adjacency.desire(SESSION, bulk)
    overtaking = steps(adjacency)
    assert {type(step) for step in overtaking} == {Withdraw}
    assert all(len(step.prefixes) <= CHUNK for step in overtaking if isinstance(step, Withdraw))


def test_nothing_is_said_to_a_peer_that_is_down() -> None:
    adjacency = peer({P1: A})
    adjacency.close()
    adjacency.desire(SESSION, {P2: B})
    assert steps(adjacency) == []
    assert adjacency.settled
    assert adjacency.sent == 0


def test_what_was_answered_but_not_written_before_a_flap_comes_by_itself() -> None:
    adjacency = peer({P1: A})
    steps(adjacency)
    adjacency.acknowledge([P1], done=True)
    adjacency.close()
    adjacency.desire(SESSION, {P1: B})
    adjacency.establish()
    assert steps(adjacency) == [], "the engine holds A and is about to repeat it"
    adjacency.confirm(shown(A, P1))
    assert steps(adjacency) == [announce(B, P1)]


def test_what_the_engine_repeats_is_awaited_and_then_put_right() -> None:
    adjacency = peer({P1: A, P2: A})
    steps(adjacency)
    adjacency.confirm(shown(A, P1, P2))
    adjacency.close()
    adjacency.desire(SESSION, {P1: A, P3: A})
    adjacency.establish()
    assert steps(adjacency) == [announce(A, P3)], "what is held comes by itself"
    adjacency.confirm(shown(A, P1, P2))
    assert steps(adjacency) == [Withdraw(SESSION, (P2,))]
    adjacency.confirm(shown(A, P3))
    assert steps(adjacency) == []
    adjacency.confirm(withdrawn(P2))
    assert steps(adjacency) == [EndOfRib(SESSION, Family.IPV4)]


def test_what_was_not_answered_before_a_flap_is_left_alone_until_it_shows() -> None:
    adjacency = peer({P1: A})
    steps(adjacency)
    adjacency.close()
    adjacency.desire(SESSION, {})
    adjacency.establish()
    assert steps(adjacency) == [], "the announcement may still come"
    adjacency.confirm(shown(A, P1))
    assert steps(adjacency) == [Withdraw(SESSION, (P1,))]


def test_what_was_answered_while_down_is_repeated() -> None:
    adjacency = peer({P1: A})
    steps(adjacency)
    adjacency.close()
    adjacency.acknowledge([P1], done=True)
    adjacency.establish()
    assert steps(adjacency) == []
    adjacency.confirm(shown(A, P1))
    assert steps(adjacency) == [EndOfRib(SESSION, Family.IPV4)]


def test_an_operation_that_never_shows_is_asked_for_again_and_then_refused() -> None:
    adjacency = peer({P1: A})
    steps(adjacency)
    adjacency.acknowledge([P1], done=True)
    adjacency.abandon()
    assert steps(adjacency) == [Replay(SESSION), announce(A, P1)]
    adjacency.abandon()
    assert not any(isinstance(step, Announce) for step in steps(adjacency))
    adjacency.desire(SESSION, {P1: B})
    assert steps(adjacency) == [announce(B, P1)]


def test_an_end_of_rib_that_never_shows_is_awaited_and_asked_for_again() -> None:
    adjacency = peer({})
    assert steps(adjacency) == [EndOfRib(SESSION, Family.IPV4)]
    assert adjacency.waiting
    adjacency.abandon()
    assert steps(adjacency) == [EndOfRib(SESSION, Family.IPV4)]
    adjacency.completed.add(Family.IPV4)
    assert not adjacency.waiting


def test_what_is_never_repeated_is_announced_anew() -> None:
    adjacency = peer({P1: A})
    steps(adjacency)
    adjacency.confirm(shown(A, P1))
    adjacency.close()
    adjacency.establish()
    assert steps(adjacency) == []
    adjacency.abandon()
    assert steps(adjacency) == [announce(A, P1)]


def test_a_refused_prefix_waits_for_another_wish_and_holds_nobody_up() -> None:
    adjacency = peer({P1: A, P2: A})
    steps(adjacency)
    adjacency.acknowledge([P1, P2], done=False)
    assert steps(adjacency) == [EndOfRib(SESSION, Family.IPV4)]
    assert adjacency.sent == 0
    adjacency.desire(SESSION, {P1: B, P2: A})
    assert steps(adjacency) == [announce(B, P1)]


def test_a_settled_session_that_is_taken_over_is_told_nothing() -> None:
    adjacency = Adjacency(SESSION)
    adjacency.negotiate(Negotiated(SESSION.peer_address, NODE, SESSION.families, False))
    adjacency.desire(SESSION, {P1: A, P2: Attributes()})
    held = {P1: resolve(A, NODE, SESSION), P2: resolve(Attributes(), NODE, SESSION)}
    adjacency.adopt(held, SESSION.families)
    assert steps(adjacency) == []
    assert (adjacency.sent, adjacency.settled) == (2, True)


def test_a_session_that_is_taken_over_midway_gets_the_rest_and_end_of_rib() -> None:
    adjacency = Adjacency(SESSION)
    adjacency.negotiate(Negotiated(SESSION.peer_address, NODE, SESSION.families, False))
    adjacency.desire(SESSION, {P1: A})
    adjacency.adopt({P2: resolve(A, NODE, SESSION)}, ())
    assert steps(adjacency) == [Withdraw(SESSION, (P2,)), announce(A, P1)]
    adjacency.confirm(withdrawn(P2))
    adjacency.confirm(shown(A, P1))
    assert steps(adjacency) == [EndOfRib(SESSION, Family.IPV4)]


@pytest.mark.parametrize(
    ("families", "attributes"),
    [
        ({Family.IPV4}, Attributes(next_hop=IPv6Address("2001:db8::1"))),
        ({Family.IPV4, Family.IPV6}, Attributes()),
        ({Family.IPV4, Family.IPV6}, Attributes(next_hop=NODE)),
    ],
    ids=["family not negotiated", "no IPv6 next hop", "IPv4 next hop"],
)
def test_a_prefix_that_the_session_cannot_carry_is_held_back(families: set[Family], attributes: Attributes) -> None:
    adjacency = peer({V6: attributes}, families=families)
    assert {type(step) for step in steps(adjacency)} == {EndOfRib}
    assert adjacency.sent == 0


def test_families_do_not_share_a_command() -> None:
    hop = IPv6Address("2001:db8::1")
    both = Attributes(next_hop=hop)
    session = Session("tor", IPv6Address("2001:db8::2"), 64512, 64513, NODE, extended_next_hop=True)
    adjacency = Adjacency(session)
    adjacency.negotiate(Negotiated(session.peer_address, hop, session.families, extended_next_hop=True))
    adjacency.desire(session, {P1: both, V6: both})
    adjacency.establish()
    assert [step.prefixes for step in steps(adjacency) if isinstance(step, Announce)] == [(P1,), (V6,)]


@pytest.mark.parametrize("rib", [{P1: A, V6: A}, {P1: B, V6: B}])
def test_a_family_that_a_session_shall_lose_is_told_nothing_more(rib: Rib) -> None:
    """It is lost with a reload, which comes later; until then a router would take what nobody wants it to have."""
    both = frozenset(Family)
    full = replace(SESSION, families=both, extended_next_hop=True)
    adjacency = Adjacency(full)
    adjacency.negotiate(Negotiated(SESSION.peer_address, IPv6Address("2001:db8::11"), both, True))
    adjacency.establish()
    adjacency.desire(SESSION, rib)
    assert [step.prefixes for step in steps(adjacency) if isinstance(step, Announce)] == [(P1,)]


def test_a_family_that_a_session_shall_lose_is_emptied() -> None:
    both = frozenset(Family)
    full, hop = replace(SESSION, families=both), IPv6Address("2001:db8::11")
    adjacency = Adjacency(full)
    adjacency.negotiate(Negotiated(SESSION.peer_address, NODE, both, False))
    told = Attributes(med=1, next_hop=hop)
    adjacency.desire(full, {V6: told})
    adjacency.adopt({V6: resolve(told, hop, full)}, both)
    assert steps(adjacency) == []
    adjacency.desire(SESSION, {V6: told})
    assert steps(adjacency) == [Withdraw(SESSION, (V6,))]
    adjacency.confirm(withdrawn(V6))
    adjacency.desire(full, {V6: told})
    assert [step.prefixes for step in steps(adjacency) if isinstance(step, Announce)] == [(V6,)]


def test_what_was_under_way_in_a_family_that_a_session_shall_lose_is_over_when_it_was_written() -> None:
    both, hop = frozenset(Family), IPv6Address("2001:db8::11")
    full, told = replace(SESSION, families=both), Attributes(next_hop=hop)
    adjacency = peer({V6: told}, full, both)
    steps(adjacency)
    adjacency.desire(SESSION, {V6: told})
    adjacency.confirm(Updated(SESSION.peer_address, ((resolve(told, hop, full), (V6,)),)))
    assert (adjacency.waiting, steps(adjacency)[0]) == (False, Withdraw(SESSION, (V6,)))


def test_what_the_engine_never_heard_of_is_decided_anew() -> None:
    adjacency = peer({P1: A})
    [lost] = steps(adjacency)
    adjacency.unask(lost)
    assert steps(adjacency) == [lost]
    adjacency.desire(SESSION, {P2: A})
    adjacency.unask(lost)
    assert steps(adjacency) == [announce(A, P2)]
    adjacency.confirm(shown(A, P2))
    [end] = steps(adjacency)
    adjacency.unask(end)
    assert steps(adjacency) == [end]
    adjacency.desire(SESSION, {})
    [gone] = steps(adjacency)
    adjacency.unask(gone)
    assert steps(adjacency) == [gone]
    again = Replay(SESSION)
    adjacency.unask(again)
    assert steps(adjacency) == [again]
