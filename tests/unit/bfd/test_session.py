"""The state machine of a session: its table (RFC 5880 §6.2), its times, polls, and the restart of its process."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exalb_bfd import session as machine
from exalb_bfd.packet import EXPIRED, NEIGHBOR_DOWN, Packet, State
from exalb_bfd.session import SLOW, Parameters, Session

FAST = Parameters(transmit_interval=300_000, receive_interval=200_000, multiplier=3)
MINE, YOURS = 7, 9


def from_router(state: State, *, yours: int = MINE, **fields: int | bool) -> Packet:
    values: dict[str, int | bool] = {"transmit_interval": 250_000, "receive_interval": 400_000, "multiplier": 4}
    return Packet(state=state, diagnostic=0, my_discriminator=YOURS, your_discriminator=yours, **(values | fields))  # type: ignore[arg-type]


def in_state(state: State) -> Session:
    """Return a session in that state, as packets and commands bring it there."""
    session = machine.begin(machine.fresh(FAST, MINE))
    for known in {State.INIT: (State.DOWN,), State.UP: (State.DOWN, State.UP)}.get(state, ()):
        session = machine.receive(session, from_router(known), 1.0)
    return machine.disable(session) if state is State.ADMIN_DOWN else session


@pytest.mark.parametrize(
    ("state", "received", "after"),
    [
        (State.DOWN, State.ADMIN_DOWN, State.DOWN),
        (State.DOWN, State.DOWN, State.INIT),
        (State.DOWN, State.INIT, State.UP),
        (State.DOWN, State.UP, State.DOWN),
        (State.INIT, State.ADMIN_DOWN, State.DOWN),
        (State.INIT, State.DOWN, State.INIT),
        (State.INIT, State.INIT, State.UP),
        (State.INIT, State.UP, State.UP),
        (State.UP, State.ADMIN_DOWN, State.DOWN),
        (State.UP, State.DOWN, State.DOWN),
        (State.UP, State.INIT, State.UP),
        (State.UP, State.UP, State.UP),
        *((State.ADMIN_DOWN, received, State.ADMIN_DOWN) for received in State),
    ],
)
def test_table_of_states(state: State, received: State, after: State) -> None:
    assert in_state(state).state is state
    assert machine.receive(in_state(state), from_router(received), 2.0).state is after


@pytest.mark.parametrize(
    ("state", "after", "diagnostic"),
    [(State.DOWN, State.DOWN, 0), (State.INIT, State.DOWN, EXPIRED), (State.UP, State.DOWN, EXPIRED)],
)
def test_silent_router_is_dead(state: State, after: State, diagnostic: int) -> None:
    expired = machine.expire(in_state(state))
    assert (expired.state, expired.diagnostic, expired.remote) == (after, diagnostic, None)
    assert machine.deadline(expired) is None


def test_router_that_says_down_is_the_reason() -> None:
    assert machine.receive(in_state(State.UP), from_router(State.DOWN), 2.0).diagnostic == NEIGHBOR_DOWN


def test_times_are_those_of_the_slower_end() -> None:
    session = in_state(State.UP)
    assert machine.detection_time(session) == 4 * 0.25
    assert machine.deadline(session) == 1.0 + 4 * 0.25
    assert machine.transmit_after(session, 1.0) == 0.4
    assert machine.transmit_after(session, 0.0) == pytest.approx(0.3)
    single = replace(session, parameters=replace(FAST, multiplier=1))
    assert machine.transmit_after(single, 1.0) == pytest.approx(0.36)


def test_session_that_is_not_up_is_slow() -> None:
    assert machine.packet_of(in_state(State.INIT)).transmit_interval == SLOW
    assert machine.packet_of(in_state(State.UP)).transmit_interval == FAST.transmit_interval


def test_router_that_wants_no_packets_gets_none() -> None:
    for quiet in (from_router(State.UP, receive_interval=0), from_router(State.UP, demand=True, final=True)):
        assert machine.transmit_after(machine.receive(in_state(State.UP), quiet, 2.0), 0.5) is None


def test_poll_ends_with_the_final() -> None:
    session = in_state(State.UP)
    assert machine.packet_of(session).poll
    assert machine.packet_of(session, final=True).final
    assert not machine.packet_of(session, final=True).poll
    assert not machine.packet_of(machine.receive(session, from_router(State.UP, final=True), 2.0)).poll


def test_longer_intervals_count_once_confirmed() -> None:
    settled = machine.receive(in_state(State.UP), from_router(State.UP, final=True), 2.0)
    slower = machine.change(settled, replace(FAST, transmit_interval=900_000))
    assert machine.packet_of(slower).transmit_interval == 900_000
    assert machine.transmit_after(slower, 1.0) == 0.4
    assert machine.transmit_after(machine.receive(slower, from_router(State.UP, final=True), 3.0), 1.0) == 0.9


def test_shorter_receive_interval_counts_once_confirmed() -> None:
    slow = machine.change(in_state(State.UP), replace(FAST, receive_interval=1_000_000))
    slow = machine.receive(slow, from_router(State.UP, final=True), 2.0)
    fast = machine.change(slow, FAST)
    assert machine.detection_time(fast) == 4 * 1.0
    assert machine.detection_time(machine.receive(fast, from_router(State.UP, final=True), 3.0)) == 4 * 0.25


def test_process_that_leaves_has_the_router_wait() -> None:
    left = machine.packet_of(machine.leave(in_state(State.UP)))
    assert left.poll
    assert left.transmit_interval * left.multiplier == machine.ABSENCE_SECONDS * 1e6
    assert machine.leave(in_state(State.DOWN)) == in_state(State.DOWN)


def test_next_process_continues_the_session() -> None:
    """It sends nothing before it knows; then it is Up at once, and has the router wait for a short time again."""
    fresh = machine.fresh(FAST, MINE)
    assert machine.transmit_after(fresh, 0.5) is None
    resumed = machine.receive(fresh, from_router(State.UP), 1.0)
    assert (resumed.state, machine.packet_of(resumed).poll) == (State.UP, True)
    assert machine.packet_of(resumed).transmit_interval == FAST.transmit_interval


@pytest.mark.parametrize("packet", [from_router(State.DOWN, yours=0), from_router(State.INIT)])
def test_router_that_is_not_up_ends_the_wait(packet: Packet) -> None:
    session = machine.receive(machine.fresh(FAST, MINE), packet, 1.0)
    assert not session.listening


def test_packet_of_another_session_changes_nothing() -> None:
    for session in (machine.fresh(FAST, MINE), in_state(State.UP)):
        assert machine.receive(session, from_router(State.UP, yours=MINE + 1), 2.0) == session


def test_discriminator_is_that_of_the_addresses() -> None:
    assert machine.discriminator("a", "b") == machine.discriminator("a", "b") != machine.discriminator("b", "a")


PACKETS = st.builds(
    from_router,
    st.sampled_from(State),
    yours=st.sampled_from([0, MINE, MINE + 1]),
    multiplier=st.integers(1, 255),
    transmit_interval=st.integers(0, 2**32 - 1),
    receive_interval=st.integers(0, 2**32 - 1),
    final=st.booleans(),
    demand=st.booleans(),
)
COMMANDS = st.sampled_from([machine.begin, machine.expire, machine.disable, machine.enable, machine.leave])


@given(st.lists(PACKETS | COMMANDS))
def test_any_sequence_keeps_the_rules(events: list[object]) -> None:
    session = machine.fresh(FAST, MINE)
    for at, event in enumerate(events):
        session = machine.receive(session, event, at) if isinstance(event, Packet) else event(session)  # type: ignore[operator]
        sent = machine.packet_of(session)
        assert session.state is State.UP or sent.transmit_interval >= SLOW
        assert session.state is State.UP or not sent.poll
        assert sent.state in (State.DOWN, State.ADMIN_DOWN) or sent.your_discriminator
        if (interval := machine.transmit_after(session, 0.5)) is not None:
            assert interval > 0


@given(st.lists(PACKETS | COMMANDS))
def test_two_ends_come_up_after_any_past(events: list[object]) -> None:
    session = machine.fresh(FAST, MINE)
    for event in events:
        session = machine.receive(session, event, 0.0) if isinstance(event, Packet) else event(session)  # type: ignore[operator]
    here, there = machine.begin(machine.expire(machine.enable(session))), machine.begin(machine.fresh(FAST, YOURS))
    for _ in range(4):
        there = machine.receive(there, machine.packet_of(here), 0.0)
        here = machine.receive(here, machine.packet_of(there), 0.0)
    assert here.state is there.state is State.UP
