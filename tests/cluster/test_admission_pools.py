"""A pool with assigned addresses is deleted only by who confirms it, on a real API server."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.chart import POLICY, in_force, wait_refused
from tests.lab.api import Json
from tests.lab.cluster import CommandError, Lab
from tests.support.documented import commands
from tests.support.specs import pool

NAME = "guarded"
GUARDED: Json = {
    "apiVersion": "exalb.io/v1beta1",
    "kind": "IPAddressPool",
    "metadata": {"name": NAME},
    "spec": dict(pool()),
}
CONFIRM, DELETE = (
    line.replace(" main", f" {NAME}").split()[1:]
    for line in commands("docs/operations.md", "kubectl (annotate|delete) ipaddresspools.exalb.io main.*")
)
"""The commands of the page for operators."""


@pytest.fixture
def guarded(release: Lab) -> Iterator[Lab]:
    """Return the lab with a pool that has one assigned address, and the policy applied."""
    with in_force(release, POLICY, only="exalb-pools"):
        release.apply([GUARDED])
        assign(release, 1)
        wait_refused(lambda: release.kubectl(*DELETE, "--dry-run=server"), "has assigned addresses")
        yield release
        release.kubectl(*CONFIRM, "--overwrite", check=False)
        release.delete([GUARDED])


def test_pool_in_use_is_not_deleted(guarded: Lab) -> None:
    with pytest.raises(CommandError) as refused:
        guarded.kubectl(*DELETE)
    assert "IPAddressPool guarded has assigned addresses (1)" in str(refused.value)
    assert " ".join(("kubectl", *CONFIRM)) in str(refused.value)
    with pytest.raises(CommandError, match="has assigned addresses"):
        guarded.kubectl("delete", "ipaddresspools.exalb.io", "--all")
    assert NAME in guarded.kubectl("get", "ipaddresspools.exalb.io")


def test_pool_in_use_is_not_replaced(guarded: Lab) -> None:
    with pytest.raises(CommandError, match="has assigned addresses"):
        guarded.kubectl("replace", "--force", "--filename=-", given=json.dumps(GUARDED))


def test_confirmed_pool_is_deleted(guarded: Lab) -> None:
    guarded.kubectl(*CONFIRM)
    assert guarded.kubectl(*DELETE) == f'ipaddresspool.exalb.io "{NAME}" deleted\n'


def test_drained_pool_is_deleted(guarded: Lab) -> None:
    assign(guarded, 0)
    assert guarded.kubectl(*DELETE) == f'ipaddresspool.exalb.io "{NAME}" deleted\n'


def assign(lab: Lab, addresses: int) -> None:
    """Write the status that the controller writes for a pool of 256 addresses."""
    use = {"capacity": 256, "assigned": addresses, "available": 256 - addresses}
    patch = ["--type=merge", f"--patch={json.dumps({'status': {'ipv4': use}})}"]
    lab.kubectl("patch", "ipaddresspools.exalb.io", NAME, "--subresource=status", *patch)
