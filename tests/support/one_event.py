"""Programs next to many Services that are settled, and one event among them: what each decides, and would write.

Stores, decisions, commands and statuses are real; there is no network, and the engine is in memory.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from exalb.allocation.allocator import Allocator
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.announcement.route_changes import route_changes
from exalb.kube.store import Store
from exalb.model.kinds import Program, watched_by
from exalb.model.local_node import LocalNode
from exalb.model.patches import StatusWrite
from exalb.report.controller import ControllerReporter
from exalb.report.speaker import SpeakerReporter
from exalb.validation.rules import Validator
from exalb_bgp.exabgp.driver import api_lines
from exalb_bgp.memory import MemoryDriver
from tests.support.merging import merged
from tests.support.objects import Object, assigned_service, at_version, endpoint, endpoints, made, node, peer, pool

SPEC: Mapping[str, Any] = {"ports": [{"port": 80}], "externalTrafficPolicy": "Local"}
NODE = "n1"


def name_of(number: int) -> str:
    """Return the name of a Service."""
    return f"team-{number % 10}/web-{number:05}"


def service_of(number: int, **more: Any) -> Object:
    """Return a Service that has its address."""
    return assigned_service(name_of(number), f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", **SPEC, **more)


def endpoints_of(number: int, nodes: int = 2, **conditions: Any) -> Object:
    """Return the endpoints of a Service, on two nodes; `conditions` are those of the first one."""
    first, second = (f"n{(number + where) % nodes + 1}" for where in range(2))
    return endpoints(name_of(number), endpoint("10.88.0.1", first, **conditions), endpoint("10.88.0.2", second))


def objects(services: int, nodes: int = 2) -> list[Object]:
    """Return a cluster in which every Service has its address, and an endpoint on each of two nodes."""
    found: list[Object] = [pool("main", "10.0.0.0/8"), peer("tor")]
    found += [node(f"n{number}", f"192.168.{number >> 8}.{number & 255}") for number in range(1, nodes + 1)]
    for number in range(services):
        found += [service_of(number), endpoints_of(number, nodes)]
    return found


class _Scene:
    """The store of a program, and the versions of its objects."""

    def __init__(self, program: Program, found: Iterable[Object]) -> None:
        self._kinds = {kind.name: kind for kind in watched_by(program)}
        self.store = Store(self._kinds.values())
        self._version = 1
        by_kind = defaultdict(list)
        for raw in found:
            by_kind[raw["kind"]].append(raw)
        for kind in self._kinds.values():
            listing = self.store.listing(kind)
            listing.add((at_version(1, raw) for raw in by_kind[kind.name]), 1)
            listing.finish()

    def put(self, raw: Object) -> None:
        """Have an object come from its watch."""
        self._version += 1
        self.store.put(self._kinds[raw["kind"]], at_version(self._version, raw))


class ASpeaker:
    """The speaker of n1; `driver` is connected."""

    def __init__(self, found: Iterable[Object], driver: MemoryDriver) -> None:
        self._scene, self._driver = _Scene(Program.SPEAKER, found), driver
        self._scene.store.observe(LocalNode())
        self._validator, self._planner, self._reporter = Validator(), RoutePlanner(NODE), SpeakerReporter()
        self._plan: NodePlan | None = None
        self._status: dict[str, Any] = {}
        self.round()

    def event(self, raw: Object) -> tuple[list[str], list[StatusWrite]]:
        """Take an object, as `round` does."""
        self._scene.put(raw)
        return self.round()

    def round(self) -> tuple[list[str], list[StatusWrite]]:
        """Decide; return the commands to the engine, and the writes of the report, which were done."""
        cluster, said = self._scene.store.snapshot(), len(self._driver.steps)
        before, plan = self._plan, self._planner.plan(cluster, self._validator.validate(cluster))
        self._driver.apply(plan.speaker)
        list(route_changes(before, plan))
        self._plan = plan
        writes = list(self._reporter.changes(cluster, plan, self._driver.status(), made(9)).writes)
        for write in writes:
            self._status = merged(self._status, write.body["status"])
            self._scene.put({"kind": write.kind, "metadata": {"name": NODE, "uid": "u"}, "status": self._status})
        return [command for command, _ in api_lines.commands(self._driver.steps[said:])], writes


class AController:
    """A controller that leads, and has looked at every Service."""

    def __init__(self, found: Iterable[Object]) -> None:
        self._scene = _Scene(Program.CONTROLLER, found)
        self._validator, self._allocator, self._reporter = Validator(), Allocator(), ControllerReporter()
        self.round()
        while self._reporter.next_at(0.0) is not None:
            self.round()

    def event(self, raw: Object) -> list[StatusWrite]:
        """Take an object, and return what is to be written."""
        self._scene.put(raw)
        return self.round()

    def round(self) -> list[StatusWrite]:
        """Decide, and return what is to be written."""
        cluster = self._scene.store.snapshot()
        rules = self._validator.validate(cluster)
        allocation = self._allocator.allocate(cluster, rules)
        return list(self._reporter.changes(cluster, rules, allocation, made(9)).writes)


def octets(writes: Iterable[StatusWrite]) -> int:
    """Return the octets of the bodies of some writes."""
    return sum(len(json.dumps(write.body)) for write in writes)
