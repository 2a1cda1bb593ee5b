"""The address that a Service gets, and the reason when it gets none."""

from ipaddress import IPv4Address

from tests.lab.api import Json
from tests.stories.story import Story


def _has_event(story: Story, service: str, reason: str) -> list[Json]:
    events = story.lab.api.items(f"/apis/events.k8s.io/v1/namespaces/{story.name}/events")
    return [event for event in events if event["regarding"].get("name") == service and event["reason"] == reason]


def test_requested_address_is_assigned(story: Story) -> None:
    """An annotation names an address of the pool."""
    wanted = str(story.pool4[77])
    story.lab.apply(story.service("web", annotations={"exalb.io/addresses": wanted}))
    assert story.wait_addresses("web") == [wanted]


def test_exhausted_pool_is_reported_and_released_address_is_assigned(story: Story) -> None:
    """A pool of one address and two Services: the second waits with a reason, and gets the address later."""
    one = story.pool4[1]
    story.lab.apply(story.pool(addresses=[f"{one}/32"]))
    story.lab.apply(story.service("first"))
    assert [IPv4Address(text) for text in story.wait_addresses("first")] == [one]
    story.lab.apply(story.service("second"))
    story.wait("Service second has the event PoolExhausted", lambda: _has_event(story, "second", "PoolExhausted"))
    assert story.addresses("second") == []
    story.kubectl("delete", "service", "first")
    assert [IPv4Address(text) for text in story.wait_addresses("second")] == [one]
