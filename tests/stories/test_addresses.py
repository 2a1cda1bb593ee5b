"""Which address a Service gets, and what it is told when it gets none."""

from ipaddress import IPv4Address

from tests.lab.api import Json
from tests.stories.story import Story


def _has_event(story: Story, service: str, reason: str) -> list[Json]:
    events = story.lab.api.items(f"/apis/events.k8s.io/v1/namespaces/{story.name}/events")
    return [event for event in events if event["regarding"].get("name") == service and event["reason"] == reason]


def test_an_address_that_is_asked_for_is_given(story: Story) -> None:
    """An annotation names an address of the pool."""
    wanted = str(story.pool4[77])
    story.lab.apply(story.service("web", annotations={"exalb.io/addresses": wanted}))
    assert story.wait_addresses("web") == [wanted]


def test_an_exhausted_pool_is_told_and_a_freed_address_goes_to_who_waits(story: Story) -> None:
    """A pool of one address and two Services: the second waits, is told why, and inherits."""
    one = story.pool4[1]
    story.lab.apply(story.pool(addresses=[f"{one}/32"]))
    story.lab.apply(story.service("first"))
    assert [IPv4Address(text) for text in story.wait_addresses("first")] == [one]
    story.lab.apply(story.service("second"))
    story.wait("Service second is told", lambda: _has_event(story, "second", "PoolExhausted"))
    assert story.addresses("second") == []
    story.kubectl("delete", "service", "first")
    assert [IPv4Address(text) for text in story.wait_addresses("second")] == [one]
