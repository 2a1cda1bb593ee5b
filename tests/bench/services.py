"""Services as the benchmark makes them: no selector, no node ports, endpoints ready-made, one on each node."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import local as thread_local
from time import time
from typing import TypeVar

from tests.lab.api import ApiError, Client, Json
from tests.lab.cluster import Lab
from tests.support import objects

Item = TypeVar("Item")
NAMESPACE = "bench"
CONNECTIONS = 8
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
MERGE_PATCH = "application/merge-patch+json"


class Services:
    """All Services of the benchmark in one lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab, self._nodes = lab, [node.name for node in lab.nodes]
        self._numbers = itertools.count(1)
        self.names: list[str] = []
        """Of those that are there."""

    def create(self, *, local: bool = False, client: Client | None = None) -> tuple[str, float]:
        """Make one Service, its endpoints first; return its name and the moment before its own write began."""
        api, name = client or self._lab.api, f"s{next(self._numbers):05}"
        api.request("POST", SLICES, self._slice(name))
        begun = time()
        api.request("POST", SERVICES, _service(name, local=local))
        self.names.append(name)
        return name, begun

    def delete(self, name: str, *, client: Client | None = None) -> float:
        """Delete one Service, then its endpoints; return the moment before its own deletion began."""
        api = client or self._lab.api
        begun = time()
        api.request("DELETE", f"{SERVICES}/{name}")
        api.request("DELETE", f"{SLICES}/{name}")
        self.names.remove(name)
        return begun

    def set_ready(self, name: str, node: str, *, ready: bool) -> float:
        """Change the readiness of the endpoint on a node; return the moment before."""
        patch = {"endpoints": list(_endpoints(self._nodes, unready=() if ready else (node,)))}
        begun = time()
        self._lab.api.request("PATCH", f"{SLICES}/{name}", patch, MERGE_PATCH)
        return begun

    def fill(self, count: int) -> None:
        """Create or delete, over 8 connections, until there are `count`."""
        missing = count - len(self.names)
        if missing > 0:
            spread(self._lab, lambda client, _: self.create(client=client), range(missing))
        else:
            spread(self._lab, lambda client, name: self.delete(name, client=client), self.names[count:])

    def clear(self) -> None:
        """Delete what an earlier run left, and the rest."""
        with contextlib.suppress(ApiError):
            self._lab.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        self.names = [item["metadata"]["name"] for item in self._lab.api.items(SERVICES)]
        self.fill(0)
        self._lab.api.request("DELETE", SLICES)

    def _slice(self, name: str) -> Json:
        return objects.endpoints(name, *_endpoints(self._nodes), name=name) | {"ports": [{"name": "http", "port": 80}]}


def spread(lab: Lab, work: Callable[[Client, Item], object], items: Iterable[Item]) -> None:
    """Do the work for each item, over 8 connections to the API server."""
    clients, own = list[Client](), thread_local()

    def prepare() -> None:
        own.client = Client.of(lab.layout)
        clients.append(own.client)

    with ThreadPoolExecutor(CONNECTIONS, initializer=prepare) as pool:
        list(pool.map(lambda item: work(own.client, item), items))
    for client in clients:
        client.close()


def _endpoints(nodes: Sequence[str], unready: Sequence[str] = ()) -> Iterator[Json]:
    for number, node in enumerate(nodes, 1):
        ready = node not in unready
        yield objects.endpoint(f"10.88.{number}.250", node, ready=ready, serving=ready, terminating=False)


def _service(name: str, *, local: bool) -> Json:
    return objects.service(
        name,
        allocateLoadBalancerNodePorts=False,
        externalTrafficPolicy="Local" if local else "Cluster",
        ports=[{"name": "http", "port": 80}],
    )
