"""The queries of the chart's alerts, recording rules and dashboard, and the metrics and labels that they name."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from exalb.api.reasons import Reason
from exalb.model.local_node import DataPlane
from exalb.programs.controller import LEASE_NAME
from exalb.runtime.metrics import METRICS
from exalb_bgp.session import FAMILIES
from tests.support.tree import ROOT

MONITORING = ROOT / "charts" / "exalb" / "files" / "monitoring"
ALERTS, METALLB, DASHBOARD = MONITORING / "alerts.yaml", MONITORING / "metallb.yaml", MONITORING / "dashboard.json"
SCRAPED = {"job", "instance", "node"}
"""Labels that the scrape adds."""
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}
"""Metrics of every Python program."""
SELECTOR = re.compile(r"\b(up|(?:exalb|leader|process|metallb)_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"')
STATES = {"assigned", "pending"} | {state.value for state in DataPlane}
VALUES = {
    "reason": {reason.value for reason in Reason},
    "state": STATES,
    "to": {"established", "closed"},
    "outcome": {"written", "conflict", "ambiguous", "refused", "unavailable"},
    "family": set(FAMILIES),
    "name": {LEASE_NAME},
}
"""The values that some labels can have."""


def rules(group_file: str) -> list[dict[str, Any]]:
    """Return the rules of a file of groups."""
    groups = yaml.safe_load((MONITORING / group_file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_queries() -> list[str]:
    """Return the query of every panel, and of every variable that is one."""
    board = json.loads(DASHBOARD.read_text())
    variables = [entry["definition"] for entry in board["templating"]["list"] if entry["type"] == "query"]
    return variables + [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]


def filled_queries() -> list[str]:
    """Return the queries as Grafana asks them about all nodes; what fills its variable asks for a metric alone."""
    found = (query.replace("$node", ".*").replace("$__rate_interval", "1m") for query in dashboard_queries())
    return [re.sub(r"^label_values\((.+), \w+\)$", r"\1", query) for query in found]


def may_be_empty(query: str) -> bool:
    """Whether the query finds what is wrong, so that it has no samples where all is well."""
    return query.endswith(("> 0", "== 0"))


def unknown(query: str) -> Iterator[str]:
    """Yield each metric of a query that no program serves, each label that it has not, and each value that never is."""
    metrics = {metric.name: set(metric.labels) for metric in METRICS} | {name: set() for name in {"up", *PROCESS}}
    for metric in METRICS:
        if metric.kind == "histogram":
            metrics |= {f"{metric.name}_{part}": {"le"} for part in ("bucket", "sum", "count")}
    for name, matchers in SELECTOR.findall(query):
        if name not in metrics:
            yield name
            continue
        for label, values in MATCHER.findall(matchers):
            if label not in metrics[name] | SCRAPED:
                yield f"{name}.{label}"
            yield from (f"{label}={value}" for value in values.split("|") if value not in VALUES.get(label, {value}))
