"""A real Prometheus scrapes the lab as the chart's PodMonitor and PrometheusRule say, and answers every query."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import yaml

from tests.lab import exalb, wait
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.stories.story import Story
from tests.support import objects
from tests.support.monitoring import ALERTS, SELECTOR, filled_queries, may_be_empty, rules
from tests.support.prometheus import Prometheus, evaluated, running

VALUES = (
    "image.repository=registry.example/exalb",
    "monitoring.podMonitor.enabled=true",
    "monitoring.podMonitor.interval=1s",
    "monitoring.rules.enabled=true",
    "monitoring.rules.metallbNames=true",
)
NEVER_HERE = {"exalb_bfd_session_up", "exalb_l2_conflicts", 'exalb_status_writes_total{outcome="refused"}'}
"""Of the selectors of alerts: no peer of the lab has BFD, no node has L2, and the API server refuses no status."""
KEPT = "exalb-not-there"


def rendered(lab: Lab) -> dict[str, list[Json]]:
    """Return the chart's objects by kind."""
    values = [f"--set={value}" for value in VALUES]
    text = lab.helm("template", exalb.RELEASE, str(exalb.CHART), f"--namespace={exalb.NAMESPACE}", *values)
    found: dict[str, list[Json]] = {}
    for each in yaml.safe_load_all(text):
        if each:
            found.setdefault(each["kind"], []).append(each)
    return found


def discovered(lab: Lab) -> Iterator[Json]:
    """Yield each port of ExaLB's pods with the labels that Prometheus finds for it in Kubernetes.

    Debian's Prometheus is built without its discovery of Kubernetes.
    """
    for pod in lab.api.items(f"/api/v1/namespaces/{exalb.NAMESPACE}/pods"):
        ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", ())]
        labels = {re.sub(r"\W", "_", f"pod_label_{name}"): text for name, text in pod["metadata"]["labels"].items()}
        labels["pod_node_name"] = pod["spec"]["nodeName"]
        for port in ports:
            found = {**labels, "pod_container_port_name": port["name"]}
            yield {
                "targets": [f"{pod['status']['podIP']}:{port['containerPort']}"],
                "labels": {f"__meta_kubernetes_{name}": text for name, text in found.items()},
            }


def scrape(targets: list[Json], monitor: Json) -> Json:
    """Return what the Prometheus Operator makes of a PodMonitor."""
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    selected = [
        ("__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", label), value)
        for label, value in monitor["spec"]["selector"]["matchLabels"].items()
    ]
    selected.append(("__meta_kubernetes_pod_container_port_name", endpoint["port"]))
    keep = [{"action": "keep", "source_labels": [label], "regex": value} for label, value in selected]
    words = {"sourceLabels": "source_labels", "targetLabel": "target_label", "replacement": "replacement"}
    relabel = [{words[key]: value for key, value in each.items()} for each in endpoint["relabelings"]]
    return {
        "job_name": monitor["metadata"]["name"],
        "metrics_path": endpoint["path"],
        "scrape_interval": endpoint["interval"],
        "static_configs": targets,
        "relabel_configs": [*keep, *relabel],
    }


def busy(story: Story) -> None:
    """Have something of each kind: an announced Service, one without endpoints, one without address, a wrong peer."""
    story.deploy("web")
    nowhere = {"exalb.io/pool": KEPT}
    wrong = objects.peer(story.name, template=KEPT)
    story.lab.apply([story.service("web"), story.service("idle"), story.service("late", annotations=nowhere), wrong])
    story.wait_sessions()
    story.wait_addresses("idle")


def asks(prometheus: Prometheus, query: str) -> bool:
    """Whether a query has samples; AssertionError for an error."""
    found = prometheus.query(query)
    assert found, query
    return True


def selectors() -> set[str]:
    """Return the series that the alerts look at."""
    found = {match[0] for rule in rules(ALERTS.name) for match in re.finditer(SELECTOR, rule["expr"])}
    return found - NEVER_HERE


def test_prometheus_scrapes_the_lab_and_answers_every_query(story: Story, tmp_path: Path) -> None:
    lab = story.lab
    chart = rendered(lab)
    [rule], monitors = chart["PrometheusRule"], chart["PodMonitor"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule["spec"]))
    targets, where = list(discovered(lab)), lab.layout.namespace(lab.nodes[0].name)
    scrapes, count = [scrape(targets, monitor) for monitor in monitors], 2 + len(lab.nodes)
    with running(tmp_path, scrapes, [tmp_path / "rules.yaml"], count=count, namespace=where) as prometheus:
        busy(story)
        for query in [*filled_queries(), *selectors()]:
            if may_be_empty(query):
                prometheus.query(query)
            else:
                wait.until(f"{query} has samples", partial(asks, prometheus, query), seconds=30)
        assert len(wait.until("every rule is evaluated", partial(evaluated, prometheus), seconds=30)) > 20
        nodes = {labels["node"] for labels, _ in prometheus.query("exalb_engine_connected == 1")}
        assert nodes == {node.name for node in lab.nodes}
        wait.until("MetalLB's names", partial(asks, prometheus, "metallb_bgp_session_up == 1"), seconds=30)
    lab.delete([objects.peer(story.name)])
