"""The run's lab with ExaLB, and for each story a part of the lab."""

from collections.abc import Iterator

import pytest

from tests.lab.cluster import Lab
from tests.stories.story import Story


def pytest_itemcollected(item: pytest.Item) -> None:
    """Run one story after the other: some kill programs that all of them use."""
    if {"story", "nodes"} & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.xdist_group("stories"))


@pytest.fixture
def story(lab: Lab) -> Iterator[Story]:
    """Return a story's own namespace, pool, router and peers; remove all of them afterwards."""
    story = Story.begin(lab)
    yield story
    story.end()
