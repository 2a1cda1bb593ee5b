"""Two controllers, each with a way of its own to the API server, and what may befall the one that leads."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from tests.lab import wait
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Program, Programs
from tests.support.kubernetes.world import World

DEADLINE = 60


@dataclass(slots=True)
class Member:
    """A controller and its way to the API server."""

    gate: Gate
    program: Program


class Crew:
    """Two controllers of which one leads."""

    def __init__(self, world: World, programs: Programs, gates: Sequence[Gate]) -> None:
        self._world, self._programs, self._numbers = world, programs, itertools.count(1)
        self._members = [Member(gate, self._start(gate)) for gate in gates]

    def _start(self, gate: Gate) -> Program:
        return self._programs.controller(f"controller-{next(self._numbers)}", gate.url, self._world.namespace)

    def leader(self) -> Member | None:
        """Return the one that leads by its own metric, while the Lease has a holder."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self._world.namespace}/leases/exalb-controller"
        holder = ((self._world.api.find(path) or {}).get("spec") or {}).get("holderIdentity")
        return next((member for member in self._members if holder and member.program.leads()), None)

    def working(self) -> Member:
        """Return the leader, once it has written something to a Service from now on."""
        mark = self._world.end_of_audit

        def at_work() -> Member | None:
            leader = self.leader()
            written = leader and self._world.writes(leader.program.user, mark)
            return leader if any(one.resource == "services/status" for one in written or ()) else None

        found = wait.until("a leader is at work", at_work, seconds=DEADLINE, every=0.2)
        assert found
        return found

    def wait_other(self, former: Program) -> None:
        """Wait until another leads."""

        def other() -> bool:
            leader = self.leader()
            return leader is not None and leader.program is not former

        wait.until(f"another than {former.user} leads", other, seconds=DEADLINE, every=0.2)

    def kill(self, leader: Member) -> None:
        """Kill the leader, and start another in its place."""
        former = leader.program
        former.kill()
        leader.program = self._start(leader.gate)
        self.wait_other(former)

    def freeze(self, leader: Member) -> None:
        """Halt the leader until another leads, and let it continue."""
        leader.program.stop()
        self.wait_other(leader.program)
        leader.program.go_on()
        leader.program.wait_stands_by(DEADLINE)

    def cut_off(self, leader: Member) -> None:
        """Keep the leader from the API server until another leads."""
        leader.gate.shut()
        self.wait_other(leader.program)
        leader.gate.open()
        leader.program.wait_stands_by(DEADLINE)
