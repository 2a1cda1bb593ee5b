"""A cluster of many nodes on a control plane without nodes: objects alone, and the accounts of ExaLB's programs."""

from collections.abc import Iterator
from functools import partial

from exalb.kube.credentials import Credentials, load_credentials
from tests.bench.fleet.speakers import node_name
from tests.bench.services import spread
from tests.lab import exalb
from tests.lab.api import Client, Json
from tests.lab.cluster import Lab
from tests.lab.nodeconfig import api_url
from tests.lab.pki import Authority
from tests.support import objects
from tests.support.kubernetes.fixtures import install_crds
from tests.support.specs import peer

ACCOUNTS = "system:serviceaccounts"
"""The group of service accounts: by it, priority and fairness knows ExaLB's programs."""
NAMESPACE = "fleet"
_SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
_SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"


class Scene:
    """The objects of the fleet's cluster."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.services = 0
        self.nodes = 0

    def make(self) -> None:
        """Make what is there before nodes and Services. Nodes without a kubelet must not be marked as NotReady."""
        install_crds(self._lab)
        for name in (exalb.NAMESPACE, NAMESPACE):
            self._lab.kubectl("create", "namespace", name)
        for program in ("kube-controller-manager", "kube-scheduler"):
            self._lab.control_plane.stop(program)
        self._lab.kubectl("create", "clusterrolebinding", "fleet", "--clusterrole=cluster-admin", f"--group={ACCOUNTS}")
        spec = peer(myASN=64512, peerASN=64513, peerAddress="10.77.0.100")
        self._lab.apply([objects.pool("fleet", "10.200.0.0/16"), objects.peer("router", **spec)])

    def credentials(self, program: str) -> Credentials:
        """Return the way to the API server of a program of ExaLB, as priority and fairness knows it."""
        pki, user = Authority(self._lab.layout.state / "pki"), f"system:serviceaccount:{exalb.NAMESPACE}:{program}"
        path = pki.kubeconfig(pki.directory / f"{program}.conf", api_url(), pki.issue(program, user, [ACCOUNTS]))
        return load_credentials(str(path))

    @property
    def any_service(self) -> tuple[str, ...]:
        """Return one of the Services, as a command names it."""
        return f"service/{_service_name(0)}", f"--namespace={NAMESPACE}"

    def have_nodes(self, count: int) -> None:
        """Make nodes until there are so many."""
        spread(self._lab, _make_node, range(self.nodes + 1, count + 1))
        self.nodes = count

    def add_services(self, count: int, slices: int = 1) -> None:
        """Make so many Services more, each with an endpoint on two nodes, in one slice or more."""
        spread(self._lab, partial(_make_service, slices=slices), range(self.services, self.services + count))
        self.services += count


def _make_node(client: Client, number: int) -> None:
    name = node_name(number)
    made = objects.node(name, f"10.78.{number >> 8}.{number & 255}")
    client.request("POST", "/api/v1/nodes", made)
    client.request("PATCH", f"/api/v1/nodes/{name}/status", {"status": made["status"]}, "application/merge-patch+json")


def _service_name(number: int) -> str:
    return f"web-{number:05}"


def _make_service(client: Client, number: int, slices: int) -> None:
    name, ports = _service_name(number), [{"name": "http", "port": 80}]
    endpoints = list(_endpoints())
    for part in range(slices):
        made = objects.endpoints(name, *endpoints[part::slices], name=f"{name}-{part}") | {"ports": ports}
        client.request("POST", _SLICES, made)
    client.request("POST", _SERVICES, objects.service(name, allocateLoadBalancerNodePorts=False, ports=ports))


def _endpoints() -> Iterator[Json]:
    for number in (1, 2):
        yield objects.endpoint(f"10.88.{number}.250", node_name(number), ready=True, serving=True, terminating=False)
