"""ExaLB's namespace is held to Pod Security's "restricted", except for the speaker's host network; on an API server."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.chart import NAMESPACE, POLICY, in_force, rendered, wait_refused
from tests.lab import wait
from tests.lab.api import Json
from tests.lab.cluster import CommandError, Lab

RESTRICTED = "exalb-restricted"
"""A namespace where Pod Security itself enforces the standard."""
LEVEL = "pod-security.kubernetes.io/enforce"
DRY_RUN = ("create", "--dry-run=server", "--validate=false", "--filename=-")

GOOD: Json = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "main",
            "image": "main",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}

BAD: dict[str, dict[str, Any]] = {
    "hostNetwork": {"hostNetwork": True},
    "hostPID": {"hostPID": True},
    "hostIPC": {"hostIPC": True},
    "hostPath": {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]},
    "pod_root": {"securityContext.runAsUser": 0},
    "pod_may_be_root": {"securityContext.runAsNonRoot": False},
    "pod_unconfined": {"securityContext.seccompProfile.type": "Unconfined"},
    "pod_no_seccomp": {"securityContext.seccompProfile": None},
    "sysctl": {"securityContext.sysctls": [{"name": "kernel.msgmax", "value": "65536"}]},
    "selinux": {"securityContext.seLinuxOptions": {"type": "spc_t"}},
    "apparmor": {"securityContext.appArmorProfile": {"type": "Unconfined"}},
    "host_port": {"container.ports": [{"containerPort": 80, "hostPort": 80}]},
    "probe_host": {"container.livenessProbe": {"httpGet": {"port": 80, "host": "192.0.2.1"}}},
    "hook_host": {"container.lifecycle": {"preStop": {"httpGet": {"port": 80, "host": "192.0.2.1"}}}},
    "privileged": {"container.securityContext": {"privileged": True}},
    "escalation": {"container.securityContext.allowPrivilegeEscalation": True},
    "escalation_unset": {"container.securityContext.allowPrivilegeEscalation": None},
    "capability": {"container.securityContext.capabilities.add": ["NET_ADMIN"]},
    "capabilities_kept": {"container.securityContext.capabilities": None},
    "container_root": {"container.securityContext.runAsUser": 0},
    "container_may_be_root": {"container.securityContext.runAsNonRoot": False},
    "container_unconfined": {"container.securityContext.seccompProfile": {"type": "Unconfined"}},
    "init_container": {"initContainers": [{"name": "first", "image": "first"}]},
}
"""Pods that the standard refuses, each by one change of a good one."""

FINE: dict[str, dict[str, Any]] = {
    "as_it_is": {},
    "low_port": {"container.securityContext.capabilities.add": ["NET_BIND_SERVICE"]},
    "own_user": {"container.securityContext.runAsUser": 1000},
    "local_profile": {
        "container.securityContext.seccompProfile": {"type": "Localhost", "localhostProfile": "mine"},
        "securityContext.seccompProfile": None,
    },
    "volume": {"volumes": [{"name": "scratch", "emptyDir": {}}]},
    "probe": {"container.livenessProbe": {"httpGet": {"port": 80}}},
}


@pytest.fixture(scope="module")
def fenced(releases: Lab) -> Iterator[Lab]:
    """Return the lab with the policy in ExaLB's namespace, and one namespace that Pod Security restricts."""
    labels = {LEVEL: "restricted"}
    restricted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": RESTRICTED, "labels": labels}}
    accounts = [account("default", RESTRICTED), account("default", NAMESPACE), account("exalb-speaker", RESTRICTED)]
    with in_force(releases, {"ServiceAccount", *POLICY}, only="exalb-namespace"):
        releases.apply([restricted])
        wait_default_account(releases, RESTRICTED)
        wait_default_account(releases, NAMESPACE)
        releases.apply(accounts)
        level(releases, "privileged")
        root = given(BAD["container_root"])
        wait_refused(lambda: releases.kubectl(*DRY_RUN, given=root), "exalb-namespace")
        yield releases
        level(releases, "")
        releases.delete([restricted])


@pytest.mark.parametrize("change", BAD)
def test_bad_pod_is_refused_as_by_pod_security(fenced: Lab, change: str) -> None:
    assert "violates PodSecurity" in refusal(fenced, given(BAD[change], RESTRICTED))
    assert "ValidatingAdmissionPolicy 'exalb-namespace'" in refusal(fenced, given(BAD[change]))


def test_unmasked_proc_is_refused_with_user_namespaces_too(fenced: Lab) -> None:
    """The API server refuses the pod before Pod Security sees it, so this policy alone is asserted."""
    unmasked = given({"hostUsers": False, "container.securityContext.procMount": "Unmasked"})
    assert "securityContext.procMount must be Default" in refusal(fenced, unmasked)


@pytest.mark.parametrize("change", FINE)
def test_restricted_pod_is_accepted_as_by_pod_security(fenced: Lab, change: str) -> None:
    assert refusal(fenced, given(FINE[change], RESTRICTED)) == ""
    assert refusal(fenced, given(FINE[change])) == ""


def test_only_the_speakers_account_may_use_the_hosts_network(fenced: Lab) -> None:
    for name, expected in (("exalb-speaker", ""), ("exalb-controller", "hostNetwork is reserved")):
        assert expected in refusal(fenced, given({"hostNetwork": True, "serviceAccountName": name}))
    speaker = {"serviceAccountName": "exalb-speaker"}
    assert refusal(fenced, given({"hostNetwork": True, **speaker})) == ""
    for change in ("hostPID", "hostPath", "privileged", "container_root"):
        assert "exalb-namespace" in refusal(fenced, given({**BAD[change], **speaker}))


def test_pods_of_the_chart_are_accepted(fenced: Lab) -> None:
    workloads = rendered(fenced, {"Deployment", "DaemonSet"})
    assert len(workloads) == 2
    for workload in workloads:
        template = workload["spec"]["template"]
        template["spec"].pop("priorityClassName")
        assert refusal(fenced, pod(template["spec"], NAMESPACE)) == ""


def test_namespace_needs_its_label_where_pod_security_enforces_baseline(fenced: Lab) -> None:
    level(fenced, "baseline")
    speaker = given({"hostNetwork": True, "serviceAccountName": "exalb-speaker"})
    try:
        assert "host namespaces (hostNetwork=true)" in refusal(fenced, speaker)
    finally:
        level(fenced, "privileged")
    assert refusal(fenced, speaker) == ""


def refusal(lab: Lab, manifest: str) -> str:
    """Return the API server's refusal of a pod, or nothing."""
    try:
        lab.kubectl(*DRY_RUN, given=manifest)
    except CommandError as error:
        return str(error)
    return ""


def given(change: dict[str, Any], namespace: str = NAMESPACE) -> str:
    """Return the good pod with a change."""
    spec = copy.deepcopy(GOOD)
    for path, value in change.items():
        *parents, last = path.split(".")
        at = spec
        for name in parents:
            at = at["containers"][0] if name == "container" else at[name]
        at[last] = value
    return pod(spec, namespace)


def pod(spec: Json, namespace: str) -> str:
    """Return the manifest of a pod."""
    return json.dumps(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": namespace}, "spec": spec}
    )


def wait_default_account(lab: Lab, namespace: str) -> None:
    """Wait for the account that a controller creates in a new namespace: creating it meanwhile would be a conflict."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    wait.until(f"{namespace} has its default account", lambda: lab.api.find(path), seconds=30)


def account(name: str, namespace: str) -> Json:
    """Return a service account without a token, which pods of the test need."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "automountServiceAccountToken": False}


def level(lab: Lab, name: str) -> None:
    """Let Pod Security enforce a level in ExaLB's namespace, or none."""
    lab.kubectl("label", "namespace", NAMESPACE, "--overwrite", f"{LEVEL}={name}" if name else f"{LEVEL}-")
