"""What every story stands on: the run's lab with ExaLB, and a part of it for each story alone."""

from collections.abc import Iterator

import pytest

from tests.lab.cluster import Lab
from tests.stories.story import Story
from tests.stories.traffic import Note


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tell one story after the other: some kill what all of them stand on."""
    if {"story", "nodes"} & set(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.xdist_group("stories"))


@pytest.fixture
def story(lab: Lab) -> Iterator[Story]:
    """Return a story's own namespace, pool, router and peers; all of it is gone afterwards."""
    story = Story.begin(lab)
    yield story
    story.end()


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Return what writes a figure of a story into the report of the run (`--junitxml`)."""
    return lambda name, figure: request.node.user_properties.append((name, figure))
