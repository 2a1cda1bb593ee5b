"""The objects of one test on the API server."""

from collections.abc import Mapping
from typing import Any

from tests.lab import wait
from tests.lab.api import Json
from tests.lab.audit import Write
from tests.lab.cluster import Lab

OURS = "/apis/exalb.io/v1beta1"


class World:
    """What one test makes: custom resources, and Services in a namespace of its own."""

    def __init__(self, cluster: Lab) -> None:
        self.cluster = cluster
        self.api = cluster.api
        self.namespace = ""
        self.made: list[str] = []
        """Paths of the custom resources, which belong to no namespace."""

    def begin(self) -> None:
        """Make the namespace."""
        self.namespace = self.create("/api/v1/namespaces", {"metadata": {"generateName": "test-"}})["metadata"]["name"]

    def end(self) -> None:
        """Remove what the test made."""
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
        body = {"metadata": {"name": name}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], **spec}}
        return self.create(self.services, body)

    def pool(self, name: str, *addresses: str) -> Json:
        """Make a pool."""
        return self.custom("ipaddresspools", "IPAddressPool", name, {"addresses": list(addresses)})

    def node(self, name: str, address: str) -> None:
        """Make a Node, which no kubelet stands behind."""
        self.create("/api/v1/nodes", {"metadata": {"name": name}})
        self.made.append(f"/api/v1/nodes/{name}")
        addresses = [{"type": "InternalIP", "address": address}]
        self.change(f"/api/v1/nodes/{name}/status", {"status": {"addresses": addresses}})

    def endpoints(self, service: str, address: str, *, node: str, ready: bool = True) -> None:
        """Make or change the one endpoint of a Service."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices"
        endpoint = {"addresses": [address], "nodeName": node, "conditions": {"ready": ready}}
        metadata = {"name": service, "labels": {"kubernetes.io/service-name": service}}
        if self.api.find(f"{path}/{service}"):
            self.change(f"{path}/{service}", {"endpoints": [endpoint]})
        else:
            self.create(path, {"metadata": metadata, "addressType": "IPv4", "endpoints": [endpoint]})

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

    def writes(self, user: str, after: int) -> list[Write]:
        """Return what `user` wrote since the audit log ended at `after`, its Lease aside."""
        found = self.cluster.control_plane.audit.writes(after)
        return [write for write in found if write.user == user and write.resource != "leases"]

    @property
    def end_of_audit(self) -> int:
        """Where the audit log ends now."""
        return self.cluster.control_plane.audit.end
