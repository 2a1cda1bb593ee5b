"""The run's lab with ExaLB, and for each story a part of the lab."""

from collections.abc import Iterator

import pytest

from tests.lab.cluster import Lab
from tests.stories.story import Story
from tests.stories.traffic import Note


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


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Return a function that writes a figure of a story into the report of the run (`--junitxml`)."""
    return lambda name, figure: request.node.user_properties.append((name, figure))
