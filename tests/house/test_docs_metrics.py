"""docs/reference/metrics.md describes every metric of the programs, and no other; their labels have few values."""

import ast
import re

from exalb.runtime.metrics import METRICS
from tests.support.tree import ROOT, sources

PAGE = ROOT / "docs" / "reference" / "metrics.md"
SECTIONS = {"Both programs": "both", "Controller": "controller", "Speaker": "speaker"}
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*?) ?\| (.+?) \| (.*?) ?\|$", re.MULTILINE)
CONVENTION = re.compile(r"(exalb|leader_election)(_[a-z][a-z0-9]*)+")
BOUNDED = {"peer", "pool", "family", "kind", "outcome", "reason", "state", "name", "version", "to"} | {
    *("peer_address", "peer_asn", "local_asn"),
}
"""Labels with values that configuration or code bounds; not Services, addresses of Services or texts."""
MAKERS = {"Counter", "Histogram", "Sample"}


def documented() -> set[tuple[str, str, str, tuple[str, ...]]]:
    """Return the rows of the page: program, name, type and labels."""
    rows = set()
    for section in PAGE.read_text().split("\n## ")[1:]:
        heading = section.partition("\n")[0]
        for name, kind, labels, _, _ in ROW.findall(section):
            rows.add((SECTIONS[heading], name, kind, tuple(labels.split(", ")) if labels else ()))
    return rows


def test_page_and_metrics_agree() -> None:
    made = {(metric.of, metric.name, metric.kind, metric.labels) for metric in METRICS}
    assert len(made) > 20
    assert sorted(documented() ^ made) == []


def test_names_follow_the_convention() -> None:
    assert not [metric.name for metric in METRICS if not CONVENTION.fullmatch(metric.name)]
    assert not [metric.name for metric in METRICS if (metric.kind == "counter") != metric.name.endswith("_total")]


def test_labels_are_bounded() -> None:
    assert not [(metric.name, label) for metric in METRICS for label in metric.labels if label not in BOUNDED]


def test_metrics_are_declared_in_one_place() -> None:
    """Code elsewhere uses a declared metric: only the declarations and the telemetry make values of them."""
    makers = {
        path.name
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module == "exalb.runtime.exposition"
        and MAKERS & {name.name for name in node.names}
    }
    assert makers == {"metrics.py", "telemetry.py"}
