"""The chart, rendered by the real Helm and taken by a real API server."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exalb.api.crd import definition
from exalb.api.definitions import RESOURCES
from exalb.programs.settings import BGPSettings, ControllerSettings, Settings, SpeakerSettings
from tests.cluster.chart import CHART, IMAGE, NAMESPACE
from tests.lab.cluster import CommandError, Lab
from tests.support.golden import assert_golden
from tests.support.kubernetes.definitions import of_prometheus_operator, served

GOLDEN = Path(__file__).parents[1] / "golden" / "chart"
EVERYTHING = GOLDEN / "everything.values.yaml"
SETTINGS: dict[str, type[Settings]] = {
    "controller": ControllerSettings,
    "speaker": SpeakerSettings,
    "bgp": BGPSettings,
}


@pytest.fixture(scope="module")
def monitored(cluster: Lab) -> Iterator[Lab]:
    """Return the lab, whose API server knows kinds of the Prometheus Operator."""
    with served(cluster, of_prometheus_operator()):
        yield cluster


@pytest.mark.parametrize(
    ("name", "values"),
    [("default", "--set=crds.install=false"), ("everything", f"--values={EVERYTHING}")],
    ids=["default", "everything"],
)
def test_rendering(cluster: Lab, name: str, values: str) -> None:
    lines = render(cluster, values).splitlines(keepends=True)
    assert_golden(GOLDEN / f"{name}.yaml", "".join(line for line in lines if line.strip()))  # versions of Helm differ


def test_full_rendering_sets_every_value() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    changed = yaml.safe_load(EVERYTHING.read_text())
    assert not same("", values, changed)


@pytest.mark.parametrize("values", ["--set=log.level=info", f"--values={EVERYTHING}"], ids=["default", "everything"])
def test_every_object_has_the_common_labels_and_annotations(cluster: Lab, values: str) -> None:
    marks = ("--set=commonLabels.team=network", "--set=commonAnnotations.owner=network", "--set=extraObjects=null")
    monitors = ("--set=monitoring.podMonitor.enabled=true", "--set=monitoring.rules.enabled=true")
    objects = [entry for entry in yaml.safe_load_all(render(cluster, values, *marks, *monitors)) if entry]
    bare = [
        f"{entry['kind']} {entry['metadata']['name']}"
        for entry in objects
        if entry["metadata"]["labels"].get("team") != "network"
        or entry["metadata"].get("annotations", {}).get("owner") != "network"
    ]
    assert len(objects) > 12
    assert not bare


def test_priority_classes_can_be_emptied(cluster: Lab) -> None:
    emptied = "--set=controller.priorityClassName=,speaker.priorityClassName="
    assert ["priorityClassName" in pod for pod in pods(render(cluster, emptied))] == [False, False]
    classes = [pod["priorityClassName"] for pod in pods(render(cluster))]
    assert sorted(classes) == ["system-cluster-critical", "system-node-critical"]


def test_definitions_are_rendered_as_they_are_written(cluster: Lab) -> None:
    written = {definition(resource)["metadata"]["name"]: definition(resource)["spec"] for resource in RESOURCES}
    objects = kinds(render(cluster, "--show-only=templates/crds.yaml"), "CustomResourceDefinition")
    assert {entry["metadata"]["name"]: entry["spec"] for entry in objects} == written
    assert all(entry["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"} for entry in objects)


def test_keep_policy_of_definitions_can_be_disabled(cluster: Lab) -> None:
    objects = kinds(render(cluster, "--set=crds.keep=false"), "CustomResourceDefinition")
    assert len(objects) == len(RESOURCES)
    assert not [entry for entry in objects if "annotations" in entry["metadata"]]


def test_lint_finds_nothing(cluster: Lab) -> None:
    assert "1 chart(s) linted, 0 chart(s) failed" in cluster.helm("lint", "--strict", str(CHART))


@pytest.mark.xdist_group("world")  # the kinds of the Prometheus Operator are the whole cluster's
@pytest.mark.parametrize("values", ["--set=log.level=info", f"--values={EVERYTHING}"], ids=["default", "everything"])
def test_api_server_accepts_every_object(monitored: Lab, values: str) -> None:
    cluster = monitored
    cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    rendered = render(cluster, values, "--skip-tests")
    command = ["apply", "--dry-run=server", "--server-side", "--force-conflicts", "--filename=-"]
    output = cluster.kubectl(*command, given=rendered)
    assert output.count("(server dry run)") == len([entry for entry in yaml.safe_load_all(rendered) if entry])


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("controller.replicas=0", "at '/controller/replicas': minimum: got 0, want 1"),
        ("speaker.port=70000", "at '/speaker/port': maximum"),
        ("speaker.listen=Everywhere", "at '/speaker/listen': value must be one of 'NodeIP', 'Localhost'"),
        ("speaker.drain.returnSteps={prepend=17}", "at '/speaker/drain/returnSteps/0': 'prepend=17' does not match"),
        ("speaker.replicas=2", "at '/speaker': additional properties 'replicas' not allowed"),
        ("image.repository=my exalb", "at '/image/repository': 'my exalb' does not match pattern"),
        ("image.digest=latest", "at '/image/digest': 'latest' does not match pattern"),
        ("speaker.maxUnavailable=0", "at '/speaker/maxUnavailable': minimum"),
        ("controller.page.enabled=true,controller.page.port=7480", "page.port and controller.port are both 7480, and"),
    ],
)
def test_wrong_values_are_refused(cluster: Lab, setting: str, sentence: str) -> None:
    with pytest.raises(CommandError) as refused:
        render(cluster, f"--set={setting}")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "missing", ["addresses={198.51.100.0/24}", "peerAddress=203.0.113.1", "myASN=64512", "peerASN=64513"]
)
def test_first_values_are_refused_unless_all_four_are_set(cluster: Lab, missing: str) -> None:
    values = ("addresses={198.51.100.0/24}", "peerAddress=203.0.113.1", "myASN=64512", "peerASN=64513")
    name = missing.partition("=")[0]
    with pytest.raises(CommandError) as refused:
        render(cluster, *(f"--set=first.{value}" for value in values if value != missing))
    assert f"not set: first.{name}. " in str(refused.value)


def test_values_of_metallbs_chart_are_refused_by_name(cluster: Lab, tmp_path: Path) -> None:
    theirs = {"frrk8s": {"enabled": False}, "controller": {"logLevel": "info"}, "speaker": {"frr": {"enabled": True}}}
    (tmp_path / "metallb.yaml").write_text(yaml.safe_dump(theirs))
    with pytest.raises(CommandError) as refused:
        render(cluster, f"--values={tmp_path / 'metallb.yaml'}")
    sentences = [
        "at '/frrk8s': value must be 'a value of MetalLB\\'s chart, not of this one: see docs/migrate/metallb.md'",
        "at '/controller': additional properties 'logLevel' not allowed",
        "at '/speaker': additional properties 'frr' not allowed",
    ]
    assert not [sentence for sentence in sentences if sentence not in str(refused.value)], refused.value


def test_image_has_no_default(cluster: Lab) -> None:
    with pytest.raises(CommandError, match=r"image\.repository is not set\. .* --set image\.repository=REGISTRY/exalb"):
        cluster.helm("template", "exalb", str(CHART))


def test_old_clusters_are_refused(cluster: Lab) -> None:
    with pytest.raises(CommandError, match=r"chart requires kubeVersion: >=1\.31\.0-0 which is incompatible"):
        render(cluster, "--kube-version=1.30.9")


def test_containers_set_what_their_programs_read(cluster: Lab) -> None:
    seen = set()
    for container in containers(cluster):
        known = {f"EXALB_{name.upper()}" for name in SETTINGS[container["name"]].model_fields}
        variables = {variable["name"] for variable in container["env"] if variable["name"].startswith("EXALB_")}
        assert variables <= known
        assert container["args"] == [container["name"]]
        seen.add(container["name"])
    assert seen == set(SETTINGS)


def test_containers_have_no_privilege(cluster: Lab) -> None:
    for container in containers(cluster):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_engine_has_no_token(cluster: Lab) -> None:
    (engine,) = (container for container in containers(cluster) if container["name"] == "bgp")
    assert [mount["mountPath"] for mount in engine["volumeMounts"]] == ["/run/exalb"]


def test_program_names_match_the_chart() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "exalb", "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert all(program in output for program in SETTINGS)


def render(lab: Lab, *arguments: str) -> str:
    """Return what `helm install` would send."""
    return lab.helm("template", "exalb", str(CHART), f"--namespace={NAMESPACE}", IMAGE, *arguments)


def kinds(text: str, kind: str) -> list[dict[str, Any]]:
    """Return the objects of one kind."""
    return [entry for entry in yaml.safe_load_all(text) if entry and entry["kind"] == kind]


def pods(text: str) -> list[dict[str, Any]]:
    """Return the specs of the pods of controller and speaker."""
    workloads = [*kinds(text, "Deployment"), *kinds(text, "DaemonSet")]
    return [workload["spec"]["template"]["spec"] for workload in workloads]


def containers(lab: Lab) -> list[dict[str, Any]]:
    """Return every container of the chart."""
    return [container for pod in pods(render(lab)) for container in pod["containers"]]


def same(path: str, values: Any, changed: Any) -> list[str]:
    """Return the paths of values that are not changed."""
    if isinstance(values, dict) and values:
        return [
            unchanged
            for key, value in values.items()
            for unchanged in same(f"{path}.{key}", value, (changed or {}).get(key))
        ]
    return [path] if changed is None or changed == values else []
