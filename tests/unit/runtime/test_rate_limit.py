"""How often something may be done: writes of one object's status, rounds, events."""

import pytest

from exalb.runtime.rate_limit import LAST_REFUSAL, TokenBucket, WriteThrottle


def test_a_report_goes_at_once_and_the_next_one_later() -> None:
    pace = WriteThrottle({"BGPPeer": 5.0})
    assert pace.may_write("tor", 100.0)
    pace.written("BGPPeer", "tor", 100.0)
    assert not pace.may_write("tor", 104.9)
    assert pace.free_at(["tor"]) == 105.0
    assert pace.may_write("tor", 105.0)
    assert pace.may_write("other", 100.0)


def test_a_service_never_waits_for_itself() -> None:
    pace = WriteThrottle({"BGPPeer": 5.0})
    pace.written("Service", "web", 100.0)
    assert pace.may_write("web", 100.0)


def test_a_refused_write_waits_ever_longer_and_alone() -> None:
    pace = WriteThrottle({})
    waits = []
    now = 100.0
    for _ in range(10):
        pace.refused("web", now)
        free = pace.free_at(["web", "other"])
        assert free is not None
        waits.append(free - now)
        assert pace.may_write("other", now)
        now = free
        pace.forget_before(now)
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LAST_REFUSAL
    pace.written("Service", "web", now)
    assert pace.may_write("web", now)


def test_a_few_go_at_once_and_then_they_walk() -> None:
    allowance = TokenBucket(burst=3, per_second=10)
    assert [allowance.delay(100.0) for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])


def test_a_quiet_time_gives_the_burst_back_and_no_more() -> None:
    allowance = TokenBucket(burst=3, per_second=10)
    for _ in range(5):
        allowance.delay(100.0)
    assert allowance.delay(100.5) == 0
    assert [allowance.delay(900.0) for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


def test_who_keeps_the_pace_never_waits() -> None:
    allowance = TokenBucket(burst=3, per_second=10)
    assert not any(allowance.delay(100.0 + number / 10) for number in range(50))
