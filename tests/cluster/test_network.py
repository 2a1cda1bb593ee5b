"""The way to the API server is less kind: a proxy cuts idle connections, and the clocks of nodes are an hour wrong."""

from pathlib import Path

import pytest

from tests.lab import fixtures, packages, wait
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Program, Programs
from tests.support.kubernetes.world import World

IDLE = 3.0
"""Seconds after which the proxy cuts a connection; real ones wait ten times longer."""


RENEWALS = 8
"""How many renewals of the first controller the second one sees: longer than a Lease lasts."""


def warnings(program: Program) -> list[str]:
    """Return the lines of a program's log that people should look at."""
    return [line for line in program.log.read_text().splitlines() if "[warning" in line or "[error" in line]


def test_controller_works_through_a_proxy_that_cuts_idle_connections(
    world: World, programs: Programs, gate: Gate
) -> None:
    """Each watch is cut again and again: the Lease stays, changes are seen at once, and the log is quiet."""
    gate.cut_idle(IDLE)
    world.pool("main", "198.51.100.0/24")
    controller = programs.controller("behind-a-proxy", gate.url, world.namespace)
    controller.wait_leads()
    wait.until("every watch was cut twice", lambda: gate.cut >= 16, seconds=60)
    world.service("web")
    world.wait_address("web", seconds=10)
    controller.wait_leads()
    leases = world.api.items(f"/apis/coordination.k8s.io/v1/namespaces/{world.namespace}/leases")
    assert [lease["spec"]["leaseTransitions"] for lease in leases] in ([0], [1])
    assert not warnings(controller)


@pytest.fixture(scope="module")
def libfaketime() -> Path:
    """Return the library that gives one program another clock; install it where it is missing."""
    fixtures.require(packages.CLOCKS)
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


@pytest.mark.parametrize("fast", ["second", pytest.param("first", marks=pytest.mark.release)])
def test_controller_with_a_wrong_clock_takes_no_lease_away(
    world: World, programs: Programs, gate: Gate, libfaketime: Path, fast: str
) -> None:
    """For one the Lease has been over for an hour; for the other it was renewed an hour from now."""
    world.pool("main", "198.51.100.0/24")
    wrong = {"LD_PRELOAD": str(libfaketime), "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    clocks = {name: wrong if name == fast else None for name in ("first", "second")}
    first = programs.controller("first", gate.url, world.namespace, environment=clocks["first"])
    first.wait_leads()
    second = programs.controller("second", gate.url, world.namespace, environment=clocks["second"])
    second.wait_ready()
    mark = world.end_of_audit
    wait.until("the Lease is renewed often", lambda: _renewals(world, "first", mark) >= RENEWALS, seconds=90)
    first.wait_leads()
    second.wait_stands_by()
    assert not _renewals(world, "second", 0)
    first.end()
    second.wait_leads(seconds=20)
    world.service("web")
    world.wait_address("web")


def _renewals(world: World, user: str, after: int) -> int:
    """Return how often a user wrote the Lease."""
    found = world.cluster.control_plane.audit.writes(after)
    return sum((each.user, each.resource, each.namespace) == (user, "leases", world.namespace) for each in found)
