"""A lab without ExaLB, and ExaLB's installation in it as the pages say: the commands of a page, run word for word."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_network

from tests.lab import exalb, layout, wait
from tests.lab.cluster import Lab
from tests.lab.images import ECHO_HNAME

ROUTER = str(layout.on_fabric(layout.ROUTER)[0].ip)
HERE = f"--namespace={exalb.NAMESPACE}"
ADDRESS = "{.status.loadBalancer.ingress[0].ip}"
SECONDS = 180.0


@contextmanager
def emptied(lab: Lab, deployment: str) -> Iterator[Lab]:
    """Have a lab without ExaLB, pools and peers, and with a deployment; leave it with ExaLB."""
    clear(lab)
    deploy(lab, deployment)
    try:
        yield lab
    finally:
        lab.kubectl("delete", "deployment,service", deployment, "--ignore-not-found")
        clear(lab)
        exalb.install(lab, exalb.PAGE)


def deploy(lab: Lab, deployment: str) -> None:
    """Start two web servers in the default namespace, and return when they serve."""
    lab.kubectl("create", "deployment", deployment, f"--image={ECHO_HNAME}", "--replicas=2")
    lab.kubectl("rollout", "status", "deployment", deployment, "--timeout=90s")


def clear(lab: Lab) -> None:
    """Uninstall ExaLB without waiting for its routes to be withdrawn."""
    if exalb.is_installed(lab):
        lab.kubectl("delete", "bgppeers.exalb.io", "--all")
        lab.kubectl("annotate", "ipaddresspools.exalb.io", "--all", "exalb.io/allow-deletion=true")
        lab.kubectl("delete", "ipaddresspools.exalb.io", "--all")
        exalb.uninstall(lab)
    lab.kubectl("delete", "configmap/exalb-first", "pod/exalb-test", HERE, "--ignore-not-found")


def wait_address(lab: Lab, service: str, seconds: float = SECONDS) -> IPv4Address:
    """Return the address of a Service in the default namespace, once it has one."""

    def given() -> str:
        return lab.kubectl("get", "service", service, f"-o=jsonpath={ADDRESS}")

    return IPv4Address(wait.until(f"Service {service} has an address", given, seconds=seconds))


def wait_route(lab: Lab, address: IPv4Address, seconds: float = SECONDS) -> None:
    """Return when the lab's router forwards to the address by every node."""
    nodes = frozenset(node.addresses[0] for node in lab.nodes)
    reached = f"the router reaches {address} by every node"
    wait.until(reached, lambda: lab.router.kernel_routes().get(ip_network(address)) == nodes, seconds=seconds)
