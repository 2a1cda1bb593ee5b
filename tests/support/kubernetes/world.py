"""The objects of one test on the API server."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from tests.lab import wait
from tests.lab.api import Json
from tests.lab.audit import Request
from tests.lab.cluster import Lab
from tests.support import objects

OURS = "/apis/exalb.io/v1beta1"


class World:
    """The objects of one test: custom resources, and Services in a namespace of its own."""

    def __init__(self, cluster: Lab) -> None:
        self.cluster = cluster
        self.api = cluster.api
        self.namespace = ""
        self.made: list[str] = []
        """Paths of the custom resources, which belong to no namespace."""

    def __enter__(self) -> Self:
        """Make the namespace."""
        self.namespace = self.create("/api/v1/namespaces", {"metadata": {"generateName": "test-"}})["metadata"]["name"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the objects of the test."""
        for service in self.api.items(self.services):
            self.delete(f"{self.services}/{service['metadata']['name']}")
        for path in self.made:
            if self.api.find(path):
                self.delete(path)
        self.delete(f"/api/v1/namespaces/{self.namespace}")

    @property
    def services(self) -> str:
        """The path of the test's Services."""
        return f"/api/v1/namespaces/{self.namespace}/services"

    def create(self, path: str, body: Json) -> Json:
        """Make an object."""
        return self.api.request("POST", path, body)

    def delete(self, path: str) -> None:
        """Delete an object."""
        self.api.request("DELETE", path)

    def service(self, name: str, **spec: Any) -> Json:
        """Make a Service of type LoadBalancer."""
        return self.create(self.services, objects.service(name, **{"ports": [{"port": 80}], **spec}))

    def pool(self, name: str, *addresses: str) -> Json:
        """Make a pool."""
        return self.custom("ipaddresspools", "IPAddressPool", name, {"addresses": list(addresses)})

    def node(self, name: str, address: str) -> None:
        """Make a Node without a kubelet."""
        node = objects.node(name, address)
        self.create("/api/v1/nodes", node)
        self.made.append(f"/api/v1/nodes/{name}")
        self.change(f"/api/v1/nodes/{name}/status", {"status": node["status"]})

    def endpoints(self, service: str, address: str, *, node: str, ready: bool = True) -> None:
        """Make or change the one endpoint of a Service."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices"
        made = objects.endpoints(service, objects.endpoint(address, node, ready=ready), name=service)
        if self.api.find(f"{path}/{service}"):
            self.change(f"{path}/{service}", {"endpoints": made["endpoints"]})
        else:
            self.create(path, made)

    def change(self, path: str, change: Json) -> None:
        """Apply a merge patch."""
        self.api.request("PATCH", path, change, kind="application/merge-patch+json")

    def custom(self, plural: str, kind: str, name: str, spec: Mapping[str, Any]) -> Json:
        """Make a custom resource."""
        body = {"apiVersion": "exalb.io/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}
        self.made.append(f"{OURS}/{plural}/{name}")
        return self.create(f"{OURS}/{plural}", body)

    def addresses(self, name: str) -> list[str]:
        """Return the addresses of a Service."""
        status = self.api.get(f"{self.services}/{name}")["status"]
        return [entry["ip"] for entry in status["loadBalancer"].get("ingress", [])]

    def wait_address(self, name: str, seconds: float = 30) -> str:
        """Return a Service's first address, once it has one."""
        return wait.until(f"{name} has an address", lambda: self.addresses(name), seconds=seconds)[0]

    def writes(self, user: str, after: int) -> list[Request]:
        """Return the writes of `user` since the audit log ended at `after`, without its Lease."""
        found = self.cluster.control_plane.audit.writes(after)
        return [write for write in found if write.user == user and write.resource != "leases"]

    @property
    def end_of_audit(self) -> int:
        """Where the audit log ends now."""
        return self.cluster.control_plane.audit.end
