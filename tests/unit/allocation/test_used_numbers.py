"""The lowest free number of a pool, found without a look at each number below."""

import random

import pytest

from exalb.allocation.used_numbers import UsedNumbers
from exalb.api.address_ranges import AddressRange

RANGES = (AddressRange(4, 10, 19), AddressRange(4, 30, 34))
ALL = [*range(10, 20), *range(30, 35)]
CLOSED = {10, 13, 32}


def lowest(used: UsedNumbers) -> int | None:
    return used.lowest_free(RANGES, CLOSED.__contains__)


@pytest.mark.parametrize("seed", range(30))
def test_lowest_free_number_is_that_of_a_search_from_the_beginning(seed: int) -> None:
    chance, used, plain = random.Random(seed), UsedNumbers(), set[int]()
    for _ in range(200):
        if plain and chance.random() < 0.45:
            number = chance.choice(sorted(plain))
            used.discard(number)
            plain.discard(number)
        elif (free := lowest(used)) is not None and chance.random() < 0.8:
            used.add(free)
            plain.add(free)
        else:
            number = chance.choice(ALL)  # a Service asked for it
            used.add(number)
            plain.add(number)
        used.discard(99)
        assert lowest(used) == next((each for each in ALL if each not in plain | CLOSED), None)
        assert used.numbers == plain


def test_search_begins_where_the_last_one_ended() -> None:
    asked, used, wide = list[int](), UsedNumbers(), (AddressRange(4, 0, 1 << 20),)

    def is_closed(number: int) -> bool:
        asked.append(number)
        return False

    for number in range(500):
        assert used.lowest_free(wide, is_closed) == number
        used.add(number)
    used.discard(7)
    assert used.lowest_free(wide, is_closed) == 7
    used.add(7)
    assert used.lowest_free(wide, is_closed) == 500
    assert len(asked) == 500 + 1 + 1


def test_number_that_comes_and_goes_leaves_nothing() -> None:
    used = UsedNumbers()
    for number in (11, 12):
        used.add(number)
    assert lowest(used) == 14
    for _ in range(1000):
        used.discard(11)
        assert lowest(used) == 11
        used.add(11)
    assert len(used._freed) == 1
