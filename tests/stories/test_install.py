"""Two commands to the first address, and nothing lost in the upgrade and the rollback after them."""

import time
from collections.abc import Iterator

import pytest

from tests.lab import exalb, layout
from tests.lab.cluster import CommandError, Lab
from tests.stories.installation import ADDRESS, HERE, ROUTER, emptied, wait_address, wait_route
from tests.stories.traffic import TIMEOUT, asking_from, wait_rules_in
from tests.support.note import Note

RATE = 100.0
SECONDS = 90.0
FIRST = (
    *("--set=first.addresses={198.51.100.240-198.51.100.250}", f"--set=first.peerAddress={ROUTER}"),
    *(f"--set=first.myASN={layout.NODE_AS}", f"--set=first.peerASN={layout.ROUTER_AS}"),
)


@pytest.fixture
def empty(nodes: Lab) -> Iterator[Lab]:
    """Return the lab without ExaLB, without pools and peers, and with a deployment; leave it with ExaLB."""
    with emptied(nodes, "first") as lab:
        yield lab


def _helm(lab: Lab, verb: str, *arguments: str) -> str:
    repository, _, tag = exalb.ready_image(lab).reference.rpartition(":")
    image = (f"--set=image.repository={repository}", f"--set=image.tag={tag}")
    return lab.helm(verb, exalb.RELEASE, str(exalb.CHART), HERE, *image, *arguments)


def test_install_two_commands_lead_to_the_first_address(empty: Lab, note: Note) -> None:
    exalb.ready_image(empty)
    begun = time.monotonic()
    notes = _helm(empty, "install", "--create-namespace", *FIRST)
    installed = time.monotonic()
    empty.kubectl("expose", "deployment", "first", "--type=LoadBalancer", "--port=80")
    address = wait_address(empty, "first", SECONDS)
    wait_route(empty, address, SECONDS)
    note("helm install", f"{installed - begun:.1f} s; to the first route {time.monotonic() - begun:.1f} s")
    tested = empty.helm("test", exalb.RELEASE, HERE, "--logs", f"--timeout={TIMEOUT:g}s")
    assert "route_verified" in tested
    assert "exalb-test" not in empty.kubectl("get", "services,clusterroles,serviceaccounts", HERE)
    assert "are created once" in notes
    assert "kubectl apply" not in notes
    pool = empty.kubectl("get", "exapool", "main", "--output=jsonpath={.metadata.uid}")
    wait_rules_in(empty, address)
    with asking_from(empty.client, address, RATE) as answers:
        _helm(empty, "upgrade", "--reuse-values", "--set=log.level=debug", "--wait", f"--timeout={TIMEOUT:g}s")
        empty.helm("rollback", exalb.RELEASE, "1", HERE, "--wait", f"--timeout={TIMEOUT:g}s")
    answers.note(note, "requests through an upgrade and a rollback")
    assert answers.failures == []
    assert answers.total > RATE
    assert empty.kubectl("get", "exapool", "main", "--output=jsonpath={.metadata.uid}") == pool
    assert empty.kubectl("get", "service", "first", f"-o=jsonpath={ADDRESS}") == str(address)


@pytest.mark.release
def test_install_refuses_a_node_as_router_with_a_sentence(empty: Lab) -> None:
    node = str(empty.nodes[0].addresses[0])
    with pytest.raises(CommandError) as refused:
        _helm(empty, "install", "--create-namespace", *FIRST, f"--set=first.peerAddress={node}", "--timeout=90s")
    assert f"first.peerAddress: node n1 has the address {node}" in str(refused.value)
