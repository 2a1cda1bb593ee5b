"""When an ExaBGP that runs but does not work is killed: a table of checks."""

import itertools
from collections.abc import Iterator

import pytest

from exalb_bgp.exabgp.growing_limit import GrowingLimit
from exalb_bgp.exabgp.supervisor.watchdog import Observation, Wait, Watchdog

TURNS = itertools.count()
HANGS = Observation(has_helper=True, switches=-1)


def working() -> Observation:
    return Observation(has_helper=True, switches=next(TURNS))


def without_helper() -> Observation:
    return Observation(has_helper=False, switches=next(TURNS))


def checks(watchdog: Watchdog, observations: Iterator[Observation]) -> tuple[Wait, int]:
    """Check until a limit is reached; return it, and the number of checks."""
    return next((wait, count) for count, seen in enumerate(observations, 1) if (wait := watchdog.check(seen)))


def starts_never() -> Iterator[Observation]:
    return (without_helper() for _ in itertools.count())


def loses_its_helper() -> Iterator[Observation]:
    return itertools.chain([working()], starts_never())


def hangs() -> Iterator[Observation]:
    return itertools.chain([working()], itertools.repeat(HANGS))


@pytest.mark.parametrize(
    ("seen", "wait", "first"),
    [(starts_never, Wait.START, 30), (loses_its_helper, Wait.HELPER, 6), (hangs, Wait.TURN, 12)],
)
def test_a_limit_doubles_each_time_it_is_reached_and_returns_after_a_stable_run(
    seen: type[Iterator[Observation]], wait: Wait, first: int
) -> None:
    watchdog = Watchdog()
    limit = watchdog.limit(wait)
    for factor in (1, 2, 4):
        watchdog.begin()
        assert checks(watchdog, seen()) == (wait, first + (factor - 1) * limit)
        assert not watchdog.killed
        watchdog.grow(wait)
        assert watchdog.killed
    watchdog.reset()
    watchdog.begin()
    assert checks(watchdog, seen()) == (wait, first)


def test_an_exabgp_that_starts_slowly_is_not_killed() -> None:
    watchdog = Watchdog()
    seen = [without_helper() for _ in range(29)] + [working() for _ in range(100)]
    assert not any(map(watchdog.check, seen))


def test_an_exabgp_that_computes_for_long_does_not_hang() -> None:
    watchdog = Watchdog()
    assert not any(watchdog.check(Observation(has_helper=True, switches=None)) for _ in range(100))


def test_a_helper_that_is_restarted_in_time_resets_the_count() -> None:
    watchdog = Watchdog()
    seen = [working(), *(without_helper() for _ in range(4))] * 10
    assert not any(map(watchdog.check, seen))


def test_a_limit_does_not_grow_without_end() -> None:
    limit = GrowingLimit(3.0, 10.0)
    for expected in (3.0, 6.0, 10.0, 10.0):
        assert limit.current == expected
        limit.grow()
