"""Each program is granted what it does, and nothing more: the chart's roles on a real API server."""

import json
from collections.abc import Iterable, Iterator

import pytest

from exalb.api.schema import GROUP
from exalb.model.kinds import CONFIGURATION, CORE_KINDS, SECRET, Kind
from exalb.programs import controller, speaker
from tests.cluster.chart import NAMESPACE, in_force
from tests.lab.cluster import Lab

Right = tuple[str, str, str, str]
"""API group, resource, name (* is any), verb."""

OURS = [kind.plural for kind in CONFIGURATION]
KINDS = {"controller": controller.KINDS, "speaker": speaker.KINDS}
EVERYWHERE: dict[str, set[Right]] = {
    "controller": {
        ("", "services", "*", "get"),  # to see what became of a doubtful write
        ("", "services/status", "*", "patch"),
        ("events.k8s.io", "events", "*", "create"),
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
        ("coordination.k8s.io", "leases", controller.LEASE_NAME, "patch"),
    },
    "speaker": set(),
}
"""The rights in ExaLB's own namespace only."""


@pytest.fixture
def installed(release: Lab) -> Iterator[Lab]:
    """Return a cluster with the chart's roles and accounts."""
    with in_force(release, {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}):
        yield release


@pytest.mark.parametrize("program", KINDS)
def test_rights_in_other_namespaces_are_minimal(installed: Lab, program: str) -> None:
    followed = follows(kind for kind in KINDS[program] if kind is not SECRET)
    assert rights(installed, program, "default") == EVERYWHERE[program] | followed


@pytest.mark.parametrize("program", KINDS)
def test_rights_in_the_own_namespace_are_minimal(installed: Lab, program: str) -> None:
    assert rights(installed, program, NAMESPACE) == EVERYWHERE[program] | AT_HOME[program] | follows(KINDS[program])


def follows(kinds: Iterable[Kind]) -> set[Right]:
    """Return what it takes to keep a store of `kinds` up to date."""
    return {(group(kind), kind.plural, "*", verb) for kind in kinds for verb in ("list", "watch")}


def group(kind: Kind) -> str:
    """Return the API group of a kind; the core group is empty."""
    return kind.prefix.removeprefix("/apis/").rpartition("/")[0] if kind.prefix.startswith("/apis/") else ""


def rights(lab: Lab, program: str, namespace: str) -> set[Right]:
    """Ask the API server what a program's account may do, beyond what any account may."""
    account = granted(lab, f"system:serviceaccount:{NAMESPACE}:exalb-{program}", namespace)
    return account - granted(lab, f"system:serviceaccount:{NAMESPACE}:nobody", namespace)


def granted(lab: Lab, user: str, namespace: str) -> set[Right]:
    """Ask the API server what a user may do in a namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    command = ["create", f"--as={user}", "--validate=false", "--output=json", "--filename=-"]
    answer = json.loads(lab.kubectl(*command, given=json.dumps(review)))
    assert not answer["status"]["incomplete"]
    return {
        (api_group, resource, name, verb)
        for rule in answer["status"]["resourceRules"]
        for api_group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", ["*"])
        for verb in rule["verbs"]
    }


def test_table_has_the_place_of_every_kind() -> None:
    assert {group(kind) for kind in CORE_KINDS} == {"", "discovery.k8s.io", "networking.k8s.io"}
