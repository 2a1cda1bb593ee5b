"""Two controllers, one of which leads: whatever befalls it, no two Services ever have one address that they may not."""

import contextlib
import os
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from tests.chaos.churn import POOLS, Churn, balancer
from tests.chaos.crew import Crew
from tests.chaos.witness import Witness
from tests.lab import layout, wait
from tests.lab.nodeconfig import API_PORT
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import World

SEED = "EXALB_CHAOS_SEED"
"""Set it to what a failed run printed, to have the same faults and changes in the same order."""
LAST = "the-last"


@pytest.fixture
def gates(world: World) -> Iterator[list[Gate]]:
    """Return two ways to the API server."""
    address = str(layout.on_fabric(layout.CONTROL_PLANE)[0].ip)
    with contextlib.ExitStack() as stack:
        make = [Gate(world.cluster.control_plane.namespace, address, API_PORT) for _ in range(2)]
        yield [stack.enter_context(gate) for gate in make]


@pytest.mark.release
def test_leaders_fall_while_services_churn(world: World, programs: Programs, gates: list[Gate]) -> None:
    seed = os.environ.get(SEED) or secrets.token_hex(4)
    print(f"to replay: {SEED}={seed}")
    random, stop, mark = Random(seed), threading.Event(), world.end_of_audit
    for name, spec in POOLS.items():
        world.custom("ipaddresspools", "IPAddressPool", name, spec)
    witness, churn = Witness(world.cluster, world.services), Churn(world.cluster, world.services, Random(seed))
    crew = Crew(world, programs, gates)
    faults = random.sample((crew.kill, crew.freeze, crew.cut_off), 3)
    with ThreadPoolExecutor(2) as threads:
        watching, churning = threads.submit(witness.follow, LAST), threads.submit(churn.run, stop)
        try:
            for fault in faults:
                fault(crew.working())
            crew.working()
        finally:
            stop.set()
            world.create(world.services, balancer(LAST, 1, {}))
        churning.result()
        watching.result(30)
    assert not witness.wrong, f"{SEED}={seed}, {[fault.__name__ for fault in faults]}"
    assert witness.moments > 300, "too little happened"
    churn.be_reasonable()
    wait.until("everybody has what it asks for", lambda: is_content(world, churn), seconds=30)
    assert writes_without_the_lease(world, mark) == []


def is_content(world: World, churn: Churn) -> bool:
    """Whether each Service has the address that it requests."""
    for name in churn.balancers:
        found = world.addresses(name)
        request = churn.requests.get(name)
        assert (found == [request]) if request else (len(found) == 1), f"{name} has {found}, and asks for {request}"
    for name in churn.others:
        assert world.addresses(name) == [], f"{name} is no load balancer"
    return True


def writes_without_the_lease(world: World, mark: int) -> list[str]:
    """Return the writes to Services by another than had last written the Lease, as the API server saw it."""
    found, holder = [], ""
    written = [write for write in world.cluster.control_plane.audit.writes(mark) if write.status < 300]
    for write in sorted(written, key=lambda write: write.received):
        if write.namespace == world.namespace and write.resource == "leases":
            holder = write.user
        elif write.resource == "services/status" and write.user != holder:
            found.append(f"{write.user} wrote to {write.name} while {holder} led")
    return found
