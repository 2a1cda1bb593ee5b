"""One line when the API server stops answering, and one when it answers again."""

from structlog.testing import capture_logs

from exalb.kube.availability import OUTAGE_SECONDS, Availability


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


def test_outage_is_one_line_and_its_end_another() -> None:
    clock = Clock()
    availability = Availability(clock)
    with capture_logs() as lines:
        for seconds in (0.0, OUTAGE_SECONDS, 1.0, 60.0):
            clock.now += seconds
            availability.failed("connection refused")
        availability.answered()
        availability.answered()
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("api_server_unreachable", "warning"),
        ("api_server_reachable", "info"),
    ]
    assert (lines[0]["error"], lines[1]["seconds"]) == ("connection refused", 64.0)


def test_short_failure_is_silent() -> None:
    clock = Clock()
    availability = Availability(clock)
    with capture_logs() as lines:
        for _ in range(5):
            availability.failed("reset")
            clock.now += OUTAGE_SECONDS - 0.1
            availability.failed("reset")
            availability.answered()
            clock.now += 60.0
    assert lines == []
