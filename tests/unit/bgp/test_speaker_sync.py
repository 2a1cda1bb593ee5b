"""All sessions of a speaker together: changed sessions, adopted sessions, several peers."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from exalb_bgp.events import CloseCause, Closed, EndOfRibSent, Established, Negotiated, Snapshot, UpdateSent
from exalb_bgp.exabgp.driver import api_lines
from exalb_bgp.memory import MemoryDriver
from exalb_bgp.paths import resolve
from exalb_bgp.peer_state import CHUNK
from exalb_bgp.peer_sync import WINDOW
from exalb_bgp.rib import Attributes, Prefix, Rib
from exalb_bgp.session import Family, Session, SessionCounts, State
from exalb_bgp.speaker import Speaker
from exalb_bgp.speaker_sync import SpeakerSync
from exalb_bgp.steps import Announce, EndOfRib, Step, Withdraw

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
HERE, THERE, PEER = IPv4Address("10.77.0.11"), IPv4Address("10.77.0.12"), IPv4Address("10.77.0.100")
SESSION = Session("tor", PEER, 64512, 64513, HERE, local_address=HERE, families=frozenset({Family.IPV4}))
MOVED = replace(SESSION, local_address=THERE)
PREFIX = ip_network("198.51.100.1/32")
TABLE: Rib = {PREFIX: Attributes(med=1)}


def announced(session: Session = SESSION) -> SpeakerSync:
    """Return the state of a speaker that announced the table, from the first address."""
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": session}, {"tor": TABLE}), {})
    establish(sync, HERE)
    (step,) = steps(sync)
    sync.answered(step, True)
    sync.handle_event(UpdateSent(PEER, ((resolve(TABLE[PREFIX], HERE, session), (PREFIX,)),)), NOW)
    return sync


def establish(sync: SpeakerSync, local: IPv4Address, now: datetime = NOW, peer: IPv4Address = PEER) -> None:
    sync.handle_event(Negotiated(peer, local, frozenset({Family.IPV4}), False), now)
    sync.handle_event(Established(peer), now)


def steps(sync: SpeakerSync) -> list[Step]:
    return [step for step in sync.steps() if isinstance(step, Announce | Withdraw)]


def test_routes_are_withdrawn_before_local_address_changes() -> None:
    """The peer would keep the routes of the first address for its restart time (RFC 4724)."""
    sync = announced()
    sync.set_desired(Speaker({"tor": MOVED}, {"tor": TABLE}), {})
    assert steps(sync) == [Withdraw(MOVED, (PREFIX,))]
    assert sync.withdrawing
    sync.handle_event(UpdateSent(PEER, withdrawn=(PREFIX,)), NOW)
    assert not sync.withdrawing
    sync.set_desired(Speaker({"tor": MOVED}, {"tor": dict(TABLE)}), {})
    assert steps(sync) == [], "the old session gets nothing more"
    sync.handle_event(Closed(PEER, CloseCause.REMOVED), NOW)
    establish(sync, THERE)
    assert steps(sync) == [Announce(MOVED, resolve(TABLE[PREFIX], THERE, MOVED), (PREFIX,))]


def test_routes_of_removed_session_are_announced_in_next_one() -> None:
    sync = announced()
    sync.handle_event(Closed(PEER, CloseCause.REMOVED), NOW)
    establish(sync, HERE)
    assert steps(sync) == [Announce(SESSION, resolve(TABLE[PREFIX], HERE, SESSION), (PREFIX,))]


def test_explicit_local_address_equal_to_chosen_one_changes_nothing() -> None:
    sync = announced(replace(SESSION, local_address=None))
    sync.set_desired(Speaker({"tor": SESSION}, {"tor": TABLE}), {})
    assert (steps(sync), sync.withdrawing) == ([], False)


def test_new_driver_announces_nothing_in_session_from_old_address() -> None:
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": MOVED}, {"tor": TABLE}), {})
    establish(sync, HERE)
    assert steps(sync) == [], "for the peer, this neighbor is about to close"


def test_unresponsive_peer_is_retried_with_backoff_and_blocks_no_other() -> None:
    sync = announced()
    sync.set_desired(Speaker({"tor": SESSION}, {"tor": {}}), {})
    assert len(steps(sync)) == 1
    waits = []
    for _ in range(8):
        waits.append(sync.timeout_factor(PEER))
        assert sync.is_quiescent is (len(waits) > 2)
        sync.time_out(PEER)
        list(sync.steps())
    assert waits == [1, 2, 4, 8, 16, 32, 64, 64]
    assert "does not read" in (sync.status(True, NOW).sessions["tor"].last_error or "")
    sync.handle_event(UpdateSent(PEER, withdrawn=(PREFIX,)), NOW)
    assert (sync.timeout_factor(PEER), sync.status(True, NOW).sessions["tor"].last_error) == (1, None)


def test_refused_update_is_reported() -> None:
    sync = announced()
    table = {PREFIX: TABLE[PREFIX]} | {ip_network(f"198.51.100.{n}/32"): Attributes(med=2) for n in (20, 3)}
    sync.set_desired(Speaker({"tor": SESSION}, {"tor": table}), {})
    (step,) = steps(sync)
    sync.answered(step, False)
    assert sync.status(True, NOW).sessions["tor"].last_error == (
        "the BGP engine did not send the UPDATE for 198.51.100.3/32 and 1 more: see its log for the error"
    )
    sync.set_desired(Speaker({"tor": SESSION}, {"tor": TABLE}), {})
    assert sync.status(True, NOW).sessions["tor"].last_error is None


def taken_over(session: Session, snapshot: Snapshot, held: dict[Prefix, Attributes], rib: Rib) -> SpeakerSync:
    """Return the state of a driver that adopted a session."""
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": session}, {"tor": rib}), {})
    sync.adopt([snapshot], {session.peer_address: held}, NOW)
    return sync


def test_new_driver_sends_missing_end_of_rib() -> None:
    found = Snapshot(PEER, State.ESTABLISHED, HERE, SESSION.families, graceful_restart=True)
    held = {PREFIX: resolve(TABLE[PREFIX], HERE, SESSION)}
    assert list(taken_over(SESSION, found, held, TABLE).steps()) == [EndOfRib(SESSION, Family.IPV4)]
    ended = taken_over(SESSION, replace(found, completed=SESSION.families), held, TABLE)
    assert (list(ended.steps()), ended.settled) == ([], True)


@pytest.mark.parametrize("agreed", [True, False])
def test_new_driver_sends_ipv6_next_hops_only_if_negotiated(agreed: bool) -> None:
    """RFC 8950 may be offered without being negotiated."""
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
    assert wrong.status(True, NOW).sessions["tor"].extended_next_hop is agreed


MANY: Rib = {ip_network((int(IPv4Address("198.51.0.0")) + number, 32)): Attributes() for number in range(3 * WINDOW)}
OTHER = replace(SESSION, peer="other", peer_address=IPv4Address("10.77.0.101"))


def confirm(sync: SpeakerSync, batch: list[Step]) -> None:
    for step in batch:
        assert isinstance(step, Announce)
        sync.answered(step, True)
        sync.handle_event(UpdateSent(step.session.peer_address, ((step.attributes, step.prefixes),)), NOW)


def test_peers_with_equal_tables_share_commands() -> None:
    """Also a peer whose session opens later: ExaBGP parses each command once for both."""
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": SESSION, "other": OTHER}, {"tor": MANY, "other": MANY}), {})
    establish(sync, HERE)
    confirm(sync, steps(sync))
    establish(sync, HERE, peer=IPv4Address("10.77.0.101"))
    commands = list(api_lines.commands(steps(sync)))
    assert [len(together) for _, together in commands] == [2] * (WINDOW // CHUNK)
    while batch := [step for _, together in commands for step in together]:
        confirm(sync, batch)
        commands = list(api_lines.commands(steps(sync)))
    assert sync.status(True, NOW).sessions["other"].sent == len(MANY), "and then the prefixes that it missed"


def test_full_chunks_are_announced_while_more_is_pending() -> None:
    """Small commands would be parsed one by one, and other peers could not share them."""
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": SESSION}, {"tor": MANY}), {})
    establish(sync, HERE)
    first = steps(sync)[0]
    assert isinstance(first, Announce)
    confirm(sync, [replace(first, prefixes=first.prefixes[1:])])
    assert steps(sync) == []
    confirm(sync, [replace(first, prefixes=first.prefixes[:1])])
    assert [len(step.prefixes) for step in steps(sync) if isinstance(step, Announce)] == [CHUNK]


def test_adopted_route_without_as_path_is_as_desired() -> None:
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": SESSION}, {"tor": TABLE}), {})
    held = replace(resolve(TABLE[PREFIX], HERE, SESSION), as_path_prepend=0)
    found = Snapshot(PEER, State.ESTABLISHED, HERE, frozenset({Family.IPV4}), graceful_restart=True)
    sync.adopt([found], {PEER: {PREFIX: held}}, NOW)
    assert (steps(sync), sync.status(True, NOW).sessions["tor"].sent) == ([], 1)


def test_status_counts_transitions_and_updates() -> None:
    sync = announced()
    assert sync.status(True, NOW).sessions["tor"].counts == SessionCounts(established=1, updates=1)
    sync.handle_event(Closed(PEER, CloseCause.LOST), NOW)
    sync.handle_event(Closed(PEER, CloseCause.LOST), LATER)
    once = SessionCounts(established=1, closed=1, updates=1, ends=(NOW,), why="the TCP connection was closed")
    assert sync.status(True, LATER).sessions["tor"].counts == once
    establish(sync, HERE, LATER)
    sync.adopt([], {}, LATER)
    twice = SessionCounts(established=2, closed=2, updates=1, ends=(NOW, LATER))
    assert sync.status(True, LATER).sessions["tor"].counts == twice


def test_newest_ends_are_kept_with_the_cause_of_the_last() -> None:
    sync = announced()
    moments = [NOW + timedelta(seconds=number) for number in range(6)]
    for moment in moments:
        sync.handle_event(Closed(PEER, CloseCause.LOST), moment)
        establish(sync, HERE, moment)
    sync.note_reset(PEER, "BFD went down")
    sync.handle_event(Closed(PEER, CloseCause.LOCAL), LATER)
    counts = sync.status(True, LATER).sessions["tor"].counts
    assert (counts.closed, counts.ends, counts.why) == (7, (*moments[-3:], LATER), "BFD went down")


@pytest.mark.parametrize(
    ("now", "is_kept"), [(LATER - timedelta(seconds=1), True), (LATER - timedelta(seconds=1.1), False)]
)
def test_ends_before_the_clock_was_set_back_are_forgotten(now: datetime, is_kept: bool) -> None:
    sync = announced()
    sync.handle_event(Closed(PEER, CloseCause.LOST), NOW)
    once = sync.status(True, LATER).sessions["tor"].counts
    known = once if is_kept else replace(once, ends=(), why="")
    assert sync.status(True, now).sessions["tor"].counts == known
    assert sync.status(True, LATER).sessions["tor"].counts == known, "the clock reaches that time again"


async def test_driver_says_when_its_clock_was_set_back() -> None:
    times = [LATER]
    driver = MemoryDriver(lambda: times[-1])
    task = asyncio.create_task(driver.run())
    await driver.settled()
    driver.apply(Speaker({"tor": SESSION}))
    driver.close("tor")
    assert driver.status().sessions["tor"].counts.ends == (LATER,)
    times.append(NOW)
    assert driver.status().sessions["tor"].counts.ends == ()
    task.cancel()


def test_ends_count_from_when_the_clock_was_set_back() -> None:
    sync = announced()
    sync.status(True, LATER)
    sync.status(True, NOW)
    sync.handle_event(Closed(PEER, CloseCause.LOST), NOW)
    assert sync.status(True, NOW).sessions["tor"].counts.ends == (NOW,)
    assert sync.status(True, NOW + timedelta(seconds=1)).sessions["tor"].counts.ends == (NOW,)


def test_end_while_the_engine_was_out_of_reach_counts_after_the_clock_was_set_back() -> None:
    sync = announced()
    sync.status(True, LATER)
    sync.adopt([], {}, NOW)
    assert sync.status(True, NOW).sessions["tor"].counts.ends == (NOW,)


def test_end_that_an_edit_brings_is_counted_and_is_no_sign_of_a_fault() -> None:
    sync = announced()
    sync.handle_event(Closed(PEER, CloseCause.REMOVED), LATER)
    counts = sync.status(True, NOW).sessions["tor"].counts
    assert (counts.closed, counts.ends, counts.why) == (1, (), "")


def test_counters_alone_do_not_change_the_status() -> None:
    sync = announced()
    before = sync.status(True, NOW)
    sync.handle_event(UpdateSent(PEER, ((resolve(TABLE[PREFIX], HERE, SESSION), (PREFIX,)),)), NOW)
    assert sync.status(True, NOW) == before
    assert sync.status(True, NOW).sessions["tor"].counts.updates == 2


def test_status_is_settled_when_all_is_sent() -> None:
    sync = announced()
    list(sync.steps())
    sync.handle_event(EndOfRibSent(PEER, Family.IPV4), NOW)
    assert sync.status(True, NOW).sessions["tor"].settled
    sync.set_desired(Speaker({"tor": SESSION}, {"tor": {}}), {})
    assert not sync.status(True, NOW).sessions["tor"].settled
    assert steps(sync) == [Withdraw(SESSION, (PREFIX,))]
    sync.handle_event(UpdateSent(PEER, withdrawn=(PREFIX,)), NOW)
    assert sync.status(True, NOW).sessions["tor"].settled


@pytest.mark.parametrize("established", [True, False])
def test_session_that_bfd_ended_has_that_reason(established: bool) -> None:
    sync = SpeakerSync()
    sync.set_desired(Speaker({"tor": SESSION}), {})
    if established:
        establish(sync, HERE)
    assert sync.note_reset(PEER, "BFD is Down") is established
    sync.handle_event(Closed(PEER, CloseCause.LOCAL), NOW)
    assert (sync.status(True, NOW).sessions["tor"].last_error == "BFD is Down") is established
    sync.handle_event(Established(PEER), NOW)
    assert sync.status(True, NOW).sessions["tor"].last_error is None
