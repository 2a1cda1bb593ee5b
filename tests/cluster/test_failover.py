"""When another controller leads after the one that led: read from the Lease, by the times that both wrote into it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from exalb.kube.client import Json
from exalb.kube.leader_election import LEASE_SECONDS
from exalb.programs.controller import LEASE_NAME
from tests.lab import wait
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Program, Programs
from tests.support.kubernetes.world import World

LEASE = timedelta(seconds=LEASE_SECONDS)


@pytest.fixture
def pair(world: World, programs: Programs, gate: Gate) -> Iterator[tuple[Program, Program]]:
    """Return a controller that leads, and one that would."""
    world.pool("main", "198.51.100.0/24")
    first = programs.controller("leaving", gate.url, world.namespace)
    first.wait_leads()
    second = programs.controller("coming", gate.url, world.namespace)
    second.wait_ready()
    yield first, second
    world.service("web")
    world.wait_address("web")


def spec_of(world: World) -> Json:
    """Return the Lease of the controllers as it is now."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{world.namespace}/leases/{LEASE_NAME}"
    found: Json = world.api.get(path)["spec"]
    return found


def taken_after(world: World, held: Json) -> timedelta:
    """Return how long after the last renewal of its holder the Lease was taken by another."""
    seen = [held]

    def is_taken() -> bool:
        seen.append(spec_of(world))
        return seen[-1].get("holderIdentity") not in ("", held["holderIdentity"])

    wait.until("another holds the Lease", is_taken, seconds=4 * LEASE_SECONDS)
    *_, before, taken = seen
    assert taken["leaseTransitions"] == held["leaseTransitions"] + 1
    assert taken["leaseDurationSeconds"] == LEASE_SECONDS
    return datetime.fromisoformat(taken["acquireTime"]) - datetime.fromisoformat(before["renewTime"])


def test_lease_of_a_leader_that_is_killed_is_taken_when_it_is_over(world: World, pair: tuple[Program, Program]) -> None:
    """Not before, for a leader that is only slow would still write; and before another Lease would be over."""
    first, second = pair
    first.kill()
    after = taken_after(world, spec_of(world))
    assert LEASE <= after < 2 * LEASE, after
    second.wait_leads()


def test_lease_of_a_leader_that_ends_is_taken_though_it_is_not_over(
    world: World, pair: tuple[Program, Program]
) -> None:
    """The leader gives it back; who waited for its end would take it after a whole Lease."""
    first, second = pair
    held = spec_of(world)
    first.end()
    after = taken_after(world, held)
    assert after < LEASE, after
    second.wait_leads()
