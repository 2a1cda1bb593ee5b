"""People who change their minds: Services come, go, ask for other addresses, and are load balancers or not."""

import threading
from collections.abc import Mapping
from random import Random

from tests.chaos.witness import SHARING_KEY
from tests.lab.api import Client, Json
from tests.lab.cluster import Lab
from tests.support import objects

PAUSE = 0.03
ADDRESSES = "exalb.io/addresses"
POOLS: Mapping[str, Json] = {
    "main": {"addresses": ["198.51.100.0/28"]},
    "asked": {"addresses": ["203.0.113.0/28"], "autoAssign": False},
}
CONTENDED = [f"203.0.113.{host}" for host in range(4)]
ENOUGH = [f"203.0.113.{host}" for host in range(8, 14)]
"""Addresses that nobody has yet, one for each of those that ask for one."""
LIMITS = {"any": 12, "asks": len(ENOUGH), "shares": 6}
"""How many there are of each sort: so few that every one can have what it asks for, so many that addresses change hands
at once."""


class Churn:
    """Changes Services of one namespace, one at a time, as the seed has it."""

    def __init__(self, lab: Lab, services: str, random: Random) -> None:
        self._client, self._services, self._random = Client.of(lab.layout), services, random
        self._sorts: dict[str, str] = {}
        self._off: set[str] = set()
        self.requests: dict[str, str] = {}
        """By Service, the address that it asks for."""
        self.steps = 0

    def run(self, stop: threading.Event) -> None:
        """Go on until `stop`."""
        while not stop.wait(PAUSE):
            self.steps += 1
            self._random.choice((self._come, self._come, self._go, self._ask, self._ask, self._turn))()

    def be_reasonable(self) -> None:
        """Let everybody ask for what can be had."""
        for name, request in zip(self.requests, ENOUGH, strict=False):
            self._request(name, request)
        self._client.close()

    @property
    def balancers(self) -> set[str]:
        """The Services that are to have an address."""
        return self._sorts.keys() - self._off

    @property
    def others(self) -> set[str]:
        """The Services that are to have none."""
        return set(self._off)

    def _come(self) -> None:
        sort = self._random.choice(tuple(LIMITS))
        if sum(one == sort for one in self._sorts.values()) >= LIMITS[sort]:
            return
        name, annotations = f"{sort}-{self.steps}", dict[str, str]()
        if sort == "asks":
            self.requests[name] = annotations[ADDRESSES] = self._random.choice(CONTENDED)
        elif sort == "shares":
            annotations[SHARING_KEY] = self._random.choice(("left", "right"))
        self._sorts[name] = sort
        self._client.request("POST", self._services, balancer(name, 1 + self.steps % 60000, annotations))

    def _go(self) -> None:
        if self._sorts:
            name = self._random.choice(sorted(self._sorts))
            del self._sorts[name]
            self._off.discard(name)
            self.requests.pop(name, None)
            self._client.request("DELETE", f"{self._services}/{name}")

    def _ask(self) -> None:
        if self.requests:
            self._request(self._random.choice(sorted(self.requests)), self._random.choice(CONTENDED))

    def _request(self, name: str, address: str) -> None:
        self.requests[name] = address
        self._change(name, {"metadata": {"annotations": {ADDRESSES: address}}})

    def _turn(self) -> None:
        """Make a load balancer something else, or the other way about."""
        if self._sorts:
            name = self._random.choice(sorted(self._sorts))
            self._off ^= {name}
            self._change(name, {"spec": {"type": "ClusterIP" if name in self._off else "LoadBalancer"}})

    def _change(self, name: str, patch: Json) -> None:
        self._client.request("PATCH", f"{self._services}/{name}", patch, "application/merge-patch+json")


def balancer(name: str, port: int, annotations: dict[str, str]) -> Json:
    """Return a Service of type LoadBalancer."""
    return objects.service(name, annotations=annotations, allocateLoadBalancerNodePorts=False, ports=[{"port": port}])
