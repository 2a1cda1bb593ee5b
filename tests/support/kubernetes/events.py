"""Events of events.k8s.io/v1 as the API server has them; one that repeats is one Event with a series."""

from tests.lab.api import Json


def times(event: Json) -> int:
    """Return how often it happened."""
    return int(event.get("series", {}).get("count", 1))


def moments(event: Json) -> list[str]:
    """Return when it happened: the first time, and for each other one the last, since no more is known."""
    again = times(event) - 1
    return [str(event["eventTime"]), *[str(event["series"]["lastObservedTime"]) for _ in range(again)]]
