"""Each program is granted what it does, and nothing more: the chart's roles on a real API server."""

from collections.abc import Iterable, Iterator

import pytest

from exalb.api.schema import GROUP
from exalb.model.kinds import CONFIGURATION, CORE_KINDS, ENDPOINT_SLICE, SECRET, Kind
from exalb.programs import controller, speaker
from tests.cluster.chart import NAMESPACE, in_force
from tests.lab.cluster import Lab
from tests.support.kubernetes.rights import Right, rights

OURS = [kind.plural for kind in CONFIGURATION]
KINDS = {"controller": controller.KINDS, "speaker": speaker.KINDS}
EVERYWHERE: dict[str, set[Right]] = {
    "controller": {
        ("", "services", "*", "get"),  # to see what became of a doubtful write
        ("", "services/status", "*", "patch"),
        ("events.k8s.io", "events", "*", "create"),
        ("events.k8s.io", "events", "*", "patch"),
        *((GROUP, resource, "*", "get") for resource in (*OURS, "bgpspeakers")),
        *((GROUP, f"{resource}/status", "*", "patch") for resource in (*OURS, "bgpspeakers")),
    },
    "speaker": {
        (GROUP, "bgpspeakers", "*", "get"),
        (GROUP, "bgpspeakers", "*", "create"),
        (GROUP, "bgpspeakers/status", "*", "patch"),
    },
}
"""The rights in every namespace, in addition to watching the kinds that the programs read."""
AT_HOME: dict[str, set[Right]] = {
    "controller": {
        ("coordination.k8s.io", "leases", "*", "create"),
        ("coordination.k8s.io", "leases", controller.LEASE_NAME, "get"),
        ("coordination.k8s.io", "leases", controller.LEASE_NAME, "watch"),
        ("coordination.k8s.io", "leases", controller.LEASE_NAME, "patch"),
    },
    "speaker": set(),
}
"""The rights in ExaLB's own namespace only."""


ROLES = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
PASSWORDS = "bgp-passwords"


@pytest.fixture
def installed(release: Lab) -> Iterator[Lab]:
    """Return a cluster with the chart's roles and accounts."""
    with in_force(release, ROLES):
        yield release


@pytest.mark.parametrize("program", KINDS)
def test_rights_in_other_namespaces_are_minimal(installed: Lab, program: str) -> None:
    followed = follows(kind for kind in KINDS[program] if kind is not SECRET)
    assert rights(installed, program, "default") == EVERYWHERE[program] | followed


@pytest.mark.parametrize("program", KINDS)
def test_rights_in_the_own_namespace_are_minimal(installed: Lab, program: str) -> None:
    assert rights(installed, program, NAMESPACE) == EVERYWHERE[program] | AT_HOME[program] | follows(KINDS[program])


def test_passwords_can_have_a_namespace_of_their_own(release: Lab) -> None:
    secrets = follows([SECRET])
    release.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PASSWORDS}}])
    with in_force(release, ROLES, values=[f"passwords.namespace={PASSWORDS}"]):
        assert not secrets & rights(release, "controller", PASSWORDS)
        for namespace in (NAMESPACE, "default"):
            assert not secrets & rights(release, "speaker", namespace)
        assert rights(release, "speaker", PASSWORDS) - rights(release, "speaker", NAMESPACE) == secrets


def test_page_of_the_controller_needs_endpoint_slices(release: Lab) -> None:
    with in_force(release, ROLES):
        without = {namespace: rights(release, "controller", namespace) for namespace in (NAMESPACE, "default")}
    with in_force(release, ROLES, values=["controller.page.enabled=true"]):
        for namespace, known in without.items():
            assert rights(release, "controller", namespace) == known | follows([ENDPOINT_SLICE])


def follows(kinds: Iterable[Kind]) -> set[Right]:
    """Return what it takes to keep a store of `kinds` up to date."""
    return {(group(kind), kind.plural, "*", verb) for kind in kinds for verb in ("list", "watch")}


def group(kind: Kind) -> str:
    """Return the API group of a kind; the core group is empty."""
    return kind.prefix.removeprefix("/apis/").rpartition("/")[0] if kind.prefix.startswith("/apis/") else ""


def test_table_has_the_place_of_every_kind() -> None:
    assert {group(kind) for kind in CORE_KINDS} == {"", "discovery.k8s.io", "networking.k8s.io"}
