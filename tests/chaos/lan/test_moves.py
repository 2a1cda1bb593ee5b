"""A walk can be repeated, makes every move that there is, and knows what the client must see after each."""

import pytest

from tests.chaos.lan.expected import mistakes, permitted, unreported
from tests.chaos.lan.moves import Itinerary, Move, NodeMove, ObjectMove, Repair, Situation
from tests.chaos.lan.world import ALL
from tests.support import objects

WEB = ALL[0]
ORDER = ("n1", "n2", "n3")
KILLED, AWAY = Situation(killed={"n1"}), Situation(killed={"n1"}, parted={"n2"}, down={"n3"})
SERVICE = Move(Repair.ADD)


def moves(seed: int) -> list[str]:
    """Return the first hundred steps of a walk."""
    itinerary = Itinerary(seed)
    return [str(itinerary.draw()) for _ in range(100)]


def test_walk_repeats_with_its_seed() -> None:
    assert moves(7) == moves(7)
    assert moves(7) != moves(8)


def test_every_move_is_drawn() -> None:
    itinerary, acts = Itinerary(7), {act for kind in (NodeMove, Repair, ObjectMove) for act in kind}
    for _ in range(1000):
        acts.discard(itinerary.draw().act)
    assert not acts


@pytest.mark.parametrize(
    ("order", "before", "move", "now", "allowed"),
    [
        pytest.param(ORDER, "", SERVICE, Situation(), {"n1"}, id="the-first-takes-it"),
        pytest.param(ORDER, "n3", SERVICE, Situation(), {"n3"}, id="the-holder-keeps-it"),
        pytest.param(ORDER, "n1", Move(NodeMove.KILL, "n1"), KILLED, {"n2"}, id="the-next-follows"),
        pytest.param((), "n1", SERVICE, Situation(), set(), id="nobody-may"),
        pytest.param(ORDER, "n1", SERVICE, AWAY, set(), id="nobody-can"),
        pytest.param(ORDER, "n1", Move(NodeMove.RESTART, "n1"), Situation(), {"n2"}, id="a-clean-stop-hands-over"),
        pytest.param(ORDER[:1], "n1", Move(NodeMove.RESTART, "n1"), Situation(), {"n1"}, id="to-nobody"),
        pytest.param(ORDER, "n2", Move(NodeMove.RESTART, "n1"), Situation(), {"n2"}, id="another-restarts"),
        pytest.param(ORDER, "n2", Move(NodeMove.KILL_BRIEFLY, "n1"), Situation(), {"n2"}, id="another-was-killed"),
        pytest.param(ORDER, "n2", Move(NodeMove.KILL_BRIEFLY, "n2"), Situation(), set(ORDER), id="killed-for-a-moment"),
        pytest.param(ORDER, "n2", Move(Repair.JOIN, "n1"), Situation(), {"n1", "n2"}, id="a-better-one-comes-back"),
        pytest.param(ORDER, "n2", Move(Repair.JOIN, "n3"), Situation(), {"n2"}, id="a-worse-one-comes-back"),
        pytest.param(ORDER, "n2", Move(Repair.START, "n1"), Situation(), {"n2"}, id="one-that-had-nothing-comes-back"),
    ],
)
def test_nodes_that_may_answer(
    order: tuple[str, ...], before: str, move: Move, now: Situation, allowed: set[str]
) -> None:
    assert permitted(order, before, move, now) == allowed


@pytest.mark.parametrize(
    ("seen", "wrong"), [({"n1"}, 0), (set(), 1), ({"n2"}, 1), ({"n1", "n2"}, 1), ({"02:00:00:00:00:99"}, 1)]
)
def test_other_answers_are_mistakes(seen: set[str], wrong: int) -> None:
    assert len(list(mistakes({WEB: ORDER}, {WEB: seen}, {}, (SERVICE, Situation())))) == wrong


def test_answer_for_an_address_of_nobody_is_a_mistake() -> None:
    assert len(list(mistakes({}, {WEB: {"n1"}}, {}, (SERVICE, Situation())))) == 1


def test_interface_that_is_not_reported_is_a_mistake() -> None:
    raw = [objects.l2_speaker(name, "10.99.0.1/24", "fd00:99::1/64") for name in ORDER]
    assert list(unreported(raw, Situation())) == []
    assert len(list(unreported(raw, Situation(down={"n1"})))) == 1
    assert len(list(unreported(raw[1:], Situation()))) == 1
