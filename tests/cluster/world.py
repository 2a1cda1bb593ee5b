"""The objects of one test on the API server, and what the server counted."""

import http.client
import json
import re
import socket
from itertools import count
from typing import Any

from tests.lab import wait
from tests.lab.api import Json
from tests.lab.cluster import Lab

OURS = "/apis/exalb.io/v1beta1"
PLURALS = ("ipaddresspools", "bgppeers", "bgpadvertisements", "bgpspeakers")
PATCHES = re.compile(r'^apiserver_request_total\{(?P<labels>[^}]*verb="PATCH"[^}]*)\} (?P<number>\S+)$', re.MULTILINE)
_NUMBERS = count(1)


class World:
    """What one test makes: custom resources, and Services in a namespace of its own."""

    def __init__(self, cluster: Lab) -> None:
        self.cluster = cluster
        self.api = cluster.api
        self.namespace = f"test-{next(_NUMBERS)}"

    def begin(self) -> None:
        """Make the namespace."""
        self.namespace = self.create("/api/v1/namespaces", {"metadata": {"generateName": "test-"}})["metadata"]["name"]

    def end(self) -> None:
        """Remove what the test made."""
        for service in self.api.items(self.services):
            self.delete(f"{self.services}/{service['metadata']['name']}")
        for plural in PLURALS:
            self.api.request("DELETE", f"{OURS}/{plural}")
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

    def custom(self, plural: str, kind: str, name: str, spec: Json) -> Json:
        """Make a custom resource."""
        body = {"apiVersion": "exalb.io/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        return self.create(f"{OURS}/{plural}", body)

    def addresses(self, name: str) -> list[str]:
        """Return the addresses of a Service."""
        status = self.api.get(f"{self.services}/{name}")["status"]
        return [entry["ip"] for entry in status["loadBalancer"].get("ingress", [])]

    def wait_address(self, name: str, seconds: float = 30) -> str:
        """Return a Service's first address, once it has one."""
        return wait.until(f"{name} has an address", lambda: self.addresses(name), seconds=seconds)[0]

    def patches(self) -> dict[str, float]:
        """Return how many patches the server has done of what ExaLB may write, by resource."""
        found: dict[str, float] = {}
        for match in PATCHES.finditer(self.api.get("/metrics")["message"]):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', match["labels"]))
            if labels["resource"] in (*PLURALS, "services"):
                key = labels["resource"]
                found[key] = found.get(key, 0) + float(match["number"])
        return found

    def forget_history(self) -> None:
        """Let the API server forget all changes up to now, so that nobody can watch from before."""
        plane = self.cluster.control_plane
        plane.stop("kube-apiserver")
        answer = _etcd(self.cluster, "/v3/kv/range", {"key": "AA=="})
        revision = answer["header"]["revision"]
        _etcd(self.cluster, "/v3/kv/compaction", {"revision": revision, "physical": True})
        plane.start("kube-apiserver")
        self.api.close()
        plane.wait_ready()


def _etcd(cluster: Lab, path: str, body: Json) -> Json:
    connection = http.client.HTTPConnection("127.0.0.1", 2379)
    made = cluster.control_plane.namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
    made.connect(("127.0.0.1", 2379))
    connection.sock = made
    connection.request("POST", path, json.dumps(body))
    answer: Json = json.loads(connection.getresponse().read())
    connection.close()
    return answer
