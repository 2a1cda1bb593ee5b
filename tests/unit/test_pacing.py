"""How often one object's status may be written."""

from exalb.pacing import LAST_REFUSAL, Pace


def test_a_report_goes_at_once_and_the_next_one_later() -> None:
    pace = Pace({"BGPPeer": 5.0})
    assert pace.may_write("tor", 100.0)
    pace.written("BGPPeer", "tor", 100.0)
    assert not pace.may_write("tor", 104.9)
    assert pace.free_at(["tor"]) == 105.0
    assert pace.may_write("tor", 105.0)
    assert pace.may_write("other", 100.0)


def test_a_service_never_waits_for_itself() -> None:
    pace = Pace({"BGPPeer": 5.0})
    pace.written("Service", "web", 100.0)
    assert pace.may_write("web", 100.0)


def test_a_refused_write_waits_ever_longer_and_alone() -> None:
    pace = Pace({})
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
