"""All sessions of a speaker together: what happens when one of them is to be another."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from exalb_bgp.convergence import CHUNK, WINDOW
from exalb_bgp.engine import Engine
from exalb_bgp.events import Closed, Established, Negotiated, Snapshot, Updated
from exalb_bgp.exabgp import wire
from exalb_bgp.paths import resolve
from exalb_bgp.rib import Attributes, Prefix, Rib
from exalb_bgp.session import Family, Session, State
from exalb_bgp.speaker import Speaker
from exalb_bgp.steps import Announce, EndOfRib, Step, Withdraw

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HERE, THERE, PEER = IPv4Address("10.77.0.11"), IPv4Address("10.77.0.12"), IPv4Address("10.77.0.100")
SESSION = Session("tor", PEER, 64512, 64513, HERE, local_address=HERE, families=frozenset({Family.IPV4}))
MOVED = replace(SESSION, local_address=THERE)
PREFIX = ip_network("198.51.100.1/32")
TABLE: Rib = {PREFIX: Attributes(med=1)}


def told(session: Session = SESSION) -> Engine:
    """Return an engine whose peer was told the table, from the first address."""
    engine = Engine()
    engine.desire(Speaker({"tor": session}, {"tor": TABLE}), {})
    establish(engine, HERE)
    (step,) = steps(engine)
    engine.answered(step, True)
    engine.fold(Updated(PEER, ((resolve(TABLE[PREFIX], HERE, session), (PREFIX,)),)), NOW)
    return engine


def establish(engine: Engine, local: IPv4Address, peer: IPv4Address = PEER) -> None:
    engine.fold(Negotiated(peer, local, frozenset({Family.IPV4}), False), NOW)
    engine.fold(Established(peer), NOW)


def steps(engine: Engine) -> list[Step]:
    return [step for step in engine.steps() if isinstance(step, Announce | Withdraw)]


def test_a_session_is_emptied_before_it_comes_from_another_address() -> None:
    """The peer would keep the routes of the first address for its restart time (RFC 4724)."""
    engine = told()
    engine.desire(Speaker({"tor": MOVED}, {"tor": TABLE}), {})
    assert steps(engine) == [Withdraw(MOVED, (PREFIX,))]
    assert engine.emptying
    engine.fold(Updated(PEER, withdrawn=(PREFIX,)), NOW)
    assert not engine.emptying
    engine.desire(Speaker({"tor": MOVED}, {"tor": dict(TABLE)}), {})
    assert steps(engine) == [], "the session of before is done with"
    engine.fold(Closed(PEER, "stop, message [removed]"), NOW)
    establish(engine, THERE)
    assert steps(engine) == [Announce(MOVED, resolve(TABLE[PREFIX], THERE, MOVED), (PREFIX,))]


def test_what_exabgp_dropped_with_a_session_is_not_awaited_in_the_next() -> None:
    engine = told()
    engine.fold(Closed(PEER, "stop, message [removed]"), NOW)
    establish(engine, HERE)
    assert steps(engine) == [Announce(SESSION, resolve(TABLE[PREFIX], HERE, SESSION), (PREFIX,))]


def test_an_address_that_was_chosen_already_may_be_spelt_out() -> None:
    engine = told(replace(SESSION, local_address=None))
    engine.desire(Speaker({"tor": SESSION}, {"tor": TABLE}), {})
    assert (steps(engine), engine.emptying) == ([], False)


def test_a_new_driver_empties_a_session_from_another_address_too() -> None:
    engine = Engine()
    engine.desire(Speaker({"tor": MOVED}, {"tor": TABLE}), {})
    establish(engine, HERE)
    assert steps(engine) == [], "to the peer, this is a neighbour that goes"


def test_a_peer_to_which_nothing_gets_through_is_asked_ever_less_and_holds_nobody_up() -> None:
    engine = told()
    engine.desire(Speaker({"tor": SESSION}, {"tor": {}}), {})
    assert len(steps(engine)) == 1
    waits = []
    for _ in range(8):
        waits.append(engine.patience(PEER))
        assert engine.calm is (len(waits) > 2)
        engine.abandon(PEER)
        list(engine.steps())
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64]
    assert "reads nothing" in (engine.status(True).sessions["tor"].last_error or "")
    engine.fold(Updated(PEER, withdrawn=(PREFIX,)), NOW)
    assert (engine.patience(PEER), engine.status(True).sessions["tor"].last_error) == (1, None)


def test_what_exabgp_refuses_is_said() -> None:
    engine = told()
    table = {PREFIX: TABLE[PREFIX]} | {ip_network(f"198.51.100.{n}/32"): Attributes(med=2) for n in (20, 3)}
    engine.desire(Speaker({"tor": SESSION}, {"tor": table}), {})
    (step,) = steps(engine)
    engine.answered(step, False)
    assert engine.status(True).sessions["tor"].last_error == (
        "ExaBGP does not send what is wanted of 198.51.100.3/32 and 1 more"
    )
    engine.desire(Speaker({"tor": SESSION}, {"tor": TABLE}), {})
    assert engine.status(True).sessions["tor"].last_error is None


def taken_over(session: Session, snapshot: Snapshot, held: dict[Prefix, Attributes], rib: Rib) -> Engine:
    """Return the engine of a driver that found a session there."""
    engine = Engine()
    engine.desire(Speaker({"tor": session}, {"tor": rib}), {})
    engine.adopt([snapshot], {session.peer_address: held}, NOW)
    return engine


def test_a_new_driver_ends_an_initial_update_that_the_old_one_did_not_end() -> None:
    found = Snapshot(PEER, State.ESTABLISHED, HERE, SESSION.families, graceful_restart=True)
    held = {PREFIX: resolve(TABLE[PREFIX], HERE, SESSION)}
    assert list(taken_over(SESSION, found, held, TABLE).steps()) == [EndOfRib(SESSION, Family.IPV4)]
    ended = taken_over(SESSION, replace(found, completed=SESSION.families), held, TABLE)
    assert (list(ended.steps()), ended.settled) == ([], True)


@pytest.mark.parametrize("agreed", [True, False])
def test_a_new_driver_sends_ipv6_next_hops_only_where_they_were_agreed(agreed: bool) -> None:
    """Whether RFC 8950 was negotiated is another matter than whether it was offered."""
    there, here = IPv6Address("2001:db8::100"), IPv6Address("2001:db8::11")
    session = replace(
        SESSION, peer_address=there, local_address=None, families=frozenset(Family), extended_next_hop=True
    )
    found = Snapshot(there, State.ESTABLISHED, here, session.families, False, agreed, session.families)
    path = resolve(TABLE[PREFIX], here, session)
    announced = [Announce(session, path, (PREFIX,))]
    assert list(taken_over(session, found, {}, TABLE).steps()) == (announced if agreed else [])
    wrong = taken_over(session, found, {PREFIX: path}, TABLE)
    assert list(wrong.steps()) == ([] if agreed else [Withdraw(session, (PREFIX,))])
    assert wrong.status(True).sessions["tor"].extended_next_hop is agreed


MANY: Rib = {ip_network((int(IPv4Address("198.51.0.0")) + number, 32)): Attributes() for number in range(3 * WINDOW)}
OTHER = replace(SESSION, peer="other", peer_address=IPv4Address("10.77.0.101"))


def confirm(engine: Engine, told: list[Step]) -> None:
    for step in told:
        assert isinstance(step, Announce)
        engine.answered(step, True)
        engine.fold(Updated(step.session.peer_address, ((step.attributes, step.prefixes),)), NOW)


def test_peers_with_the_same_table_are_told_it_side_by_side() -> None:
    """Also the one whose session begins when the other has been told much: each command is parsed once for both."""
    engine = Engine()
    engine.desire(Speaker({"tor": SESSION, "other": OTHER}, {"tor": MANY, "other": MANY}), {})
    establish(engine, HERE)
    confirm(engine, steps(engine))
    establish(engine, HERE, IPv4Address("10.77.0.101"))
    commands = list(wire.commands(steps(engine)))
    assert [len(together) for _, together in commands] == [2] * (WINDOW // CHUNK)
    while told := [step for _, together in commands for step in together]:
        confirm(engine, told)
        commands = list(wire.commands(steps(engine)))
    assert engine.status(True).sessions["other"].sent == len(MANY), "and then what it missed"


def test_whole_chunks_are_told_while_there_is_more_than_room() -> None:
    """Crumbs would be parsed one by one, and no other peer would be told the same."""
    engine = Engine()
    engine.desire(Speaker({"tor": SESSION}, {"tor": MANY}), {})
    establish(engine, HERE)
    first = steps(engine)[0]
    assert isinstance(first, Announce)
    confirm(engine, [replace(first, prefixes=first.prefixes[1:])])
    assert steps(engine) == []
    confirm(engine, [replace(first, prefixes=first.prefixes[:1])])
    assert [len(step.prefixes) for step in steps(engine) if isinstance(step, Announce)] == [CHUNK]


def test_what_a_driver_finds_is_right_though_exabgp_shows_no_path_that_it_makes_itself() -> None:
    engine = Engine()
    engine.desire(Speaker({"tor": SESSION}, {"tor": TABLE}), {})
    held = replace(resolve(TABLE[PREFIX], HERE, SESSION), as_path_prepend=0)
    found = Snapshot(PEER, State.ESTABLISHED, HERE, frozenset({Family.IPV4}), graceful_restart=True)
    engine.adopt([found], {PEER: {PREFIX: held}}, NOW)
    assert (steps(engine), engine.status(True).sessions["tor"].sent) == ([], 1)
