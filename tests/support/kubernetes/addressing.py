"""Helpers of stories about addresses: Services with requests, their outcome, and every write."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from exalb.model.parse_core import CONDITION, UNDERSTOOD
from tests.lab import wait
from tests.lab.api import Json
from tests.support import objects
from tests.support.kubernetes.events import moments
from tests.support.kubernetes.world import OURS, World
from tests.support.objects import wants

SECONDS = 30.0


class Addressing:
    """A world in which a controller called `user` assigns addresses."""

    def __init__(self, world: World, user: str) -> None:
        self.world, self.user = world, user
        self._mark = world.end_of_audit
        self._probes = 0

    def pool(self, name: str, *addresses: str, **spec: Any) -> None:
        """Make a pool, and wait until the controller has judged it."""
        self.world.custom("ipaddresspools", "IPAddressPool", name, {"addresses": list(addresses), **spec})
        wait.until(f"pool {name} is judged", lambda: self.judged(name), seconds=SECONDS)

    def judged(self, name: str, condition: str = "Ready") -> str:
        """Return the reason of a pool's condition; empty before the controller has seen the pool."""
        status = self.world.api.get(f"{OURS}/ipaddresspools/{name}").get("status", {})
        return next((str(entry["reason"]) for entry in status.get("conditions", []) if entry["type"] == condition), "")

    def change_pool(self, name: str, **spec: Any) -> None:
        """Change fields of a pool; None removes a field."""
        self.world.change(f"{OURS}/ipaddresspools/{name}", {"spec": spec})

    def delete_pool(self, name: str) -> None:
        """Delete a pool."""
        self.world.delete(f"{OURS}/ipaddresspools/{name}")

    def service(
        self, name: str, *, labels: Json | None = None, annotations: dict[str, str] | None = None, **spec: Any
    ) -> None:
        """Make a Service; `annotations` are annotations of ExaLB without the domain, such as `sharing_key`."""
        spec = {"allocateLoadBalancerNodePorts": False, "ports": [{"port": 80}], **spec}
        made = objects.service(name, labels=labels, annotations=wants(**(annotations or {})), **spec)
        self.world.create(self.world.services, made)

    def change(self, name: str, *, annotations: dict[str, Any] | None = None, **spec: Any) -> None:
        """Change annotations or fields of a Service; None removes one."""
        patch: Json = {"spec": spec, "metadata": {"annotations": wants(**(annotations or {}))}}
        self.world.change(f"{self.world.services}/{name}", patch)

    def delete(self, *names: str) -> None:
        """Delete Services."""
        for name in names:
            self.world.delete(f"{self.world.services}/{name}")

    def expect(self, name: str, addresses: str = "", reason: str | None = "Assigned", says: str = "") -> None:
        """Wait until a Service has these addresses, and its condition this reason; None is no condition."""

        def so() -> bool:
            assert (found := self.outcome(name)) == (addresses, reason), found
            return True

        wait.until(f"{name} has {addresses or 'nothing'} because of {reason}", so, seconds=SECONDS)
        condition = self._condition(name)
        assert says in condition.get("message", "")
        assert condition.get("status") == (("True" if addresses else "False") if reason else None)

    def outcome(self, name: str) -> tuple[str, str | None]:
        """Return the addresses of a Service, each of which is a VIP, and the reason of our condition."""
        status = self.world.api.get(f"{self.world.services}/{name}")["status"]
        entries = status["loadBalancer"].get("ingress", [])
        assert all(entry["ipMode"] == "VIP" for entry in entries)
        return " ".join(entry["ip"] for entry in entries), self._condition(name).get("reason")

    def remarked(self, name: str) -> str:
        """Return the condition of a Service's annotations; empty if there is none."""
        return str(self._condition(name, UNDERSTOOD).get("message", ""))

    def _condition(self, name: str, kind: str = CONDITION) -> Json:
        status = self.world.api.get(f"{self.world.services}/{name}")["status"]
        return next((entry for entry in status.get("conditions", []) if entry["type"] == kind), {})

    def costs(self, *, quiet: int = 0, **events: str) -> None:
        """Assert that since the last such look each Service named had these events, and one write for each of them.

        `quiet` are writes without an event. Services that are not named had nothing.
        """
        self._pass_a_round()
        wanted = {name.replace("_", "-"): reasons.split() for name, reasons in events.items()}

        def posted() -> bool:
            assert (found := self._events()) == wanted, found
            return True

        wait.until("every event is there", posted, seconds=SECONDS)
        due = sum(map(len, wanted.values())) + quiet

        def written() -> Counter[str]:
            found = Counter(write.name for write in self._writes() if not write.name.startswith("probe"))
            assert found.total() >= due, found
            return found or Counter(nothing=0)

        found = wait.until("every write is there", written, seconds=SECONDS)
        assert found.total() == due, found
        self._forget()

    def pass_a_second(self) -> None:
        """Wait until a new object is younger, by the API server's clock, than all present ones."""
        begun = int(time.time())
        wait.until("another second began", lambda: int(time.time()) > begun)

    def _pass_a_round(self) -> None:
        """Let the controller finish a round that began after all changes so far."""
        self._probes += 1
        name = f"probe-{self.user}-{self._probes}"
        self.service(name, annotations={"pool": "nowhere"})
        self.expect(name, "", "PoolNotFound")

    def _events(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        times = sorted(
            (moment, event["regarding"]["name"], event["reason"])
            for event in self._posted()
            for moment in moments(event)
        )
        for _, name, reason in times:
            if not name.startswith("probe"):
                found.setdefault(name, []).append(reason)
        return found

    def _posted(self) -> Iterator[Json]:
        path = f"/apis/events.k8s.io/v1/namespaces/{self.world.namespace}/events"
        return (event for event in self.world.api.items(path) if event["reportingController"] == "exalb.io/controller")

    def expect_note(self, name: str, says: str) -> None:
        """Wait until the last event of a Service says this; it is posted after the status was written."""

        def so() -> bool:
            mine = [event for event in self._posted() if event["regarding"]["name"] == name]
            last = str(max(mine, key=lambda event: moments(event)[-1])["note"]) if mine else ""
            assert says in last, last
            return True

        wait.until(f"an event of {name} says {says}", so, seconds=SECONDS)

    def _writes(self) -> list[Any]:
        """Return the writes to this story's Services; late writes of an earlier story are left out."""
        theirs = ("services/status", self.world.namespace)
        writes = [
            write for write in self.world.writes(self.user, self._mark) if (write.resource, write.namespace) == theirs
        ]
        assert all(write.status == 200 for write in writes), writes
        return writes

    def _forget(self) -> None:
        self._mark = self.world.end_of_audit
        path = f"/apis/events.k8s.io/v1/namespaces/{self.world.namespace}/events"
        self.world.api.request("DELETE", path)
