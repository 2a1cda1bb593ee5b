"""The world of the router stories as fixtures: built once for a file, plain again at the start of every test."""

import os
from collections.abc import Iterator

import pytest

from tests.lab import fixtures, packages
from tests.support.lab_run import lab_run
from tests.support.routers.world import World


@pytest.fixture(scope="session", autouse=True)
def possible() -> None:
    """Skip every test that needs the routers where the machine cannot run them."""
    if os.geteuid() != 0:
        pytest.skip("tests with routers make network namespaces, which takes root")
    fixtures.require(packages.ROUTERS)


@pytest.fixture(scope="module")
def lab(possible: None) -> Iterator[str]:  # noqa: ARG001
    """Name a lab for one file of tests."""
    with lab_run(f"r{os.getpid():x}") as name:
        yield name


@pytest.fixture(scope="module")
def built(lab: str) -> Iterator[World]:
    """Build the world once for one file of tests."""
    with World(lab) as world:
        yield world


@pytest.fixture
def world(built: World) -> World:
    """Return six plain sessions, all Established, with nothing announced."""
    built.reset()
    return built
