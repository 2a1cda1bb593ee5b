"""Groups take turns, whatever their size; a full queue drops from the largest."""

from exalb.runtime.fair_queue import FairQueue, in_turns


def test_items_are_in_turns_and_in_order_inside_their_group() -> None:
    assert in_turns(["a1", "a2", "a3", "b1", "c1", "c2"], lambda item: item[0]) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert in_turns([None, None], lambda item: item) == [None, None]
    assert in_turns(list[str](), lambda item: item) == []


def test_late_item_of_another_group_waits_for_one_turn() -> None:
    queue = FairQueue[str](100)
    for number in range(50):
        queue.put("crowd", f"crowd-{number}")
    queue.pop()
    queue.put("stranger", "stranger")
    assert [queue.pop() for _ in range(3)] == ["crowd-1", "stranger", "crowd-2"]
    assert len(queue) == 47


def test_full_queue_drops_the_newest_of_the_largest_group() -> None:
    queue = FairQueue[str](3)
    dropped = [queue.put(item[0], item) for item in ("a1", "a2", "a3", "b1", "b2")]
    assert dropped == [None, None, None, "a3", "a2"]
    assert [queue.pop() for _ in range(len(queue))] == ["a1", "b1", "b2"]
