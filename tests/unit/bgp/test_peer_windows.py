"""How many prefixes are in flight to one peer, in which commands, and in which order."""

from dataclasses import replace

import pytest

from exalb_bgp.peer_state import CHUNK
from exalb_bgp.peer_sync import WINDOW
from exalb_bgp.session import Family
from exalb_bgp.steps import Announce, EndOfRib, Step, Withdraw
from tests.support.bgp.one_peer import (
    A6,
    BOTH,
    P1,
    P2,
    P3,
    SESSION,
    V6,
    A,
    B,
    adopted,
    announce,
    peer,
    shown,
    steps,
    table,
    withdrawn,
)


def sizes(batch: list[Step], kind: type[Announce | Withdraw]) -> list[int]:
    """Return the number of prefixes of each step, all of which are of one kind."""
    found = [len(step.prefixes) for step in batch if isinstance(step, kind)]
    assert len(found) == len(batch)
    return found


def test_withdrawals_in_flight_are_at_most_two_windows() -> None:
    held = table(2 * WINDOW + 10, A)
    peer_sync = adopted(held, held, SESSION.families)
    peer_sync.set_desired(SESSION, {})
    batch = steps(peer_sync)
    assert sizes(batch, Withdraw) == [CHUNK] * (2 * WINDOW // CHUNK)
    assert steps(peer_sync) == []
    first = batch[0]
    assert isinstance(first, Withdraw)
    peer_sync.confirm(withdrawn(*first.prefixes[:3]))
    assert sizes(steps(peer_sync), Withdraw) == [3]


def test_announcements_in_flight_leave_less_room_for_withdrawals() -> None:
    held, more = table(2 * WINDOW, A), table(WINDOW, B, "10.1.0.0")
    peer_sync = adopted(held, held, SESSION.families)
    peer_sync.set_desired(SESSION, held | more)
    assert sizes(steps(peer_sync), Announce) == [CHUNK] * (WINDOW // CHUNK)
    peer_sync.set_desired(SESSION, more)
    assert sum(sizes(steps(peer_sync), Withdraw)) == WINDOW


FREE = WINDOW - 84


@pytest.mark.parametrize(
    ("pending", "announced"),
    [
        pytest.param(FREE - 1, FREE - 1, id="all-fit"),
        pytest.param(FREE, FREE, id="all-fit-exactly"),
        pytest.param(FREE + 1, FREE - FREE % CHUNK, id="full-commands-while-more-is-pending"),
    ],
)
def test_room_in_the_window(pending: int, announced: int) -> None:
    few = table(WINDOW - FREE, A)
    peer_sync = peer(few)
    assert sizes(steps(peer_sync), Announce) == [len(few)]
    peer_sync.set_desired(SESSION, few | table(pending, B, "10.1.0.0"))
    assert sum(sizes(steps(peer_sync), Announce)) == announced
    assert peer_sync.pending == pending - announced


def test_commands_hold_all_prefixes_once_and_in_order() -> None:
    rib = table(CHUNK + 5, A)
    batch = steps(peer(rib))
    assert sizes(batch, Announce) == [CHUNK, 5]
    assert [prefix for step in batch if isinstance(step, Announce) for prefix in step.prefixes] == list(rib)


def test_prefixes_that_other_peers_get_are_announced_first() -> None:
    peer_sync = peer({P1: A, P2: A, P3: A})
    assert list(peer_sync.steps([P3, V6, P2])) == [announce(A, P3, P2, P1)]


def test_families_end_in_a_fixed_order() -> None:
    assert steps(peer({}, BOTH)) == [EndOfRib(BOTH, Family.IPV4), EndOfRib(BOTH, Family.IPV6)]


def test_families_share_no_withdrawal() -> None:
    peer_sync = adopted({}, {P1: A, V6: A6, P2: A}, BOTH.families, BOTH)
    assert steps(peer_sync) == [Withdraw(BOTH, (P1, P2)), Withdraw(BOTH, (V6,))]


def test_other_parameters_of_a_session_change_no_route() -> None:
    peer_sync = peer({P1: A})
    steps(peer_sync)
    peer_sync.confirm(shown(A, P1))
    other = replace(SESSION, hold_time=30)
    peer_sync.set_desired(other, {P1: A, P2: A})
    assert steps(peer_sync) == [announce(A, P2, session=other)]
