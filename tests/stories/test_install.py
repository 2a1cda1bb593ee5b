"""Two commands to the first address, and nothing lost in the upgrade and the rollback after them."""

import time
from collections.abc import Iterator
from ipaddress import IPv4Address, ip_network

import pytest

from tests.lab import exalb, layout, wait
from tests.lab.cluster import CommandError, Lab
from tests.lab.images import ECHO_HNAME
from tests.stories.traffic import TIMEOUT, Note, asking_from, wait_rules_in

RATE = 100.0
ADDRESS = "{.status.loadBalancer.ingress[0].ip}"
ROUTER = str(layout.on_fabric(layout.ROUTER)[0].ip)
FIRST = (
    *("--set=first.addresses={198.51.100.240-198.51.100.250}", f"--set=first.peerAddress={ROUTER}"),
    *(f"--set=first.myASN={layout.NODE_AS}", f"--set=first.peerASN={layout.ROUTER_AS}"),
)
HERE = f"--namespace={exalb.NAMESPACE}"


@pytest.fixture
def empty(nodes: Lab) -> Iterator[Lab]:
    """Return the lab without ExaLB, without pools and peers, and with a deployment; leave it with ExaLB."""
    _clear(nodes)
    nodes.kubectl("create", "deployment", "first", f"--image={ECHO_HNAME}", "--replicas=2")
    nodes.kubectl("rollout", "status", "deployment", "first", "--timeout=90s")
    yield nodes
    nodes.kubectl("delete", "deployment,service", "first", "--ignore-not-found")
    _clear(nodes)
    exalb.install(nodes)


def _clear(lab: Lab) -> None:
    if exalb.is_installed(lab):
        lab.kubectl("delete", "bgppeers.exalb.io", "--all")
        lab.kubectl("annotate", "ipaddresspools.exalb.io", "--all", "exalb.io/allow-deletion=true")
        lab.kubectl("delete", "ipaddresspools.exalb.io", "--all")
        exalb.uninstall(lab)
    lab.kubectl("delete", "configmap", "exalb-first", HERE, "--ignore-not-found")


def _helm(lab: Lab, verb: str, *arguments: str) -> str:
    repository, _, tag = exalb.ready_image(lab).reference.rpartition(":")
    image = (f"--set=image.repository={repository}", f"--set=image.tag={tag}")
    return lab.helm(verb, exalb.RELEASE, str(exalb.CHART), HERE, *image, *arguments)


def _wait_route(lab: Lab, address: str) -> None:
    nodes = frozenset(node.addresses[0] for node in lab.nodes)
    reached = f"the router reaches {address} by every node"
    wait.until(reached, lambda: lab.router.kernel_routes().get(ip_network(address)) == nodes, seconds=90)


def test_install_two_commands_lead_to_the_first_address(empty: Lab, note: Note) -> None:
    exalb.ready_image(empty)
    begun = time.monotonic()
    notes = _helm(empty, "install", "--create-namespace", *FIRST)
    installed = time.monotonic()
    empty.kubectl("expose", "deployment", "first", "--type=LoadBalancer", "--port=80")
    address = wait.until(
        "the Service has an address",
        lambda: empty.kubectl("get", "service", "first", f"-o=jsonpath={ADDRESS}"),
        seconds=90,
    )
    _wait_route(empty, address)
    note("helm install", f"{installed - begun:.1f} s; to the first route {time.monotonic() - begun:.1f} s")
    tested = empty.helm("test", exalb.RELEASE, HERE, "--logs", f"--timeout={TIMEOUT:g}s")
    assert "route_verified" in tested
    assert "exalb-test" not in empty.kubectl("get", "services,clusterroles,serviceaccounts", HERE)
    assert "are created once" in notes
    assert "kubectl apply" not in notes
    pool = empty.kubectl("get", "exapool", "main", "--output=jsonpath={.metadata.uid}")
    wait_rules_in(empty, IPv4Address(address))
    with asking_from(empty.client, IPv4Address(address), RATE) as answers:
        _helm(empty, "upgrade", "--reuse-values", "--set=log.level=debug", "--wait", f"--timeout={TIMEOUT:g}s")
        empty.helm("rollback", exalb.RELEASE, "1", HERE, "--wait", f"--timeout={TIMEOUT:g}s")
    answers.note(note, "requests through an upgrade and a rollback")
    assert answers.failures == []
    assert answers.total > RATE
    assert empty.kubectl("get", "exapool", "main", "--output=jsonpath={.metadata.uid}") == pool
    assert empty.kubectl("get", "service", "first", f"-o=jsonpath={ADDRESS}") == address


@pytest.mark.release
def test_install_refuses_a_node_as_router_with_a_sentence(empty: Lab) -> None:
    node = str(empty.nodes[0].addresses[0])
    with pytest.raises(CommandError) as refused:
        _helm(empty, "install", "--create-namespace", *FIRST, f"--set=first.peerAddress={node}", "--timeout=90s")
    assert f"first.peerAddress: node n1 has the address {node}" in str(refused.value)
