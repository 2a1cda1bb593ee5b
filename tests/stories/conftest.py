"""What every story stands on: the run's lab with ExaLB, and a part of it for each story alone."""

from collections.abc import Iterator

import pytest

from tests.lab.cluster import Lab
from tests.stories.story import Story


@pytest.fixture
def story(lab: Lab) -> Iterator[Story]:
    """Return a story's own namespace, pool, router and peers; all of it is gone afterwards."""
    story = Story.begin(lab)
    yield story
    story.end()
