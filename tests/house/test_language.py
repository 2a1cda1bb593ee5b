"""Plain English: the words that docs/glossary.md says to avoid stand nowhere in code, messages, docs or chart."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tree import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
HEADING = "## Terms to avoid"
ROW = re.compile(r"^\| (`.+`) \| .+ \|$", re.MULTILINE)
INDIRECT = re.compile(r'^\s*"""(What|Who|Whom|Which|Whose)\b|def test_(what|who|whom)_|^\s*# (What|Who) ', re.MULTILINE)
"""A clause with a question word as its subject."""

PLAIN: tuple[str, ...] = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "bgp",
    "charts/exalb/README.md",
    "charts/exalb/files/monitoring",
    "charts/exalb/templates",
    "charts/exalb/values.schema.json",
    "charts/exalb/values.yaml",
    "docs/README.md",
    "docs/aggregates.md",
    "docs/alerts.md",
    "docs/decisions",
    "docs/glossary.md",
    "docs/how-to",
    "docs/migrate",
    "docs/dual-stack.md",
    "docs/no-traffic.md",
    "docs/operations.md",
    "docs/questions.md",
    "docs/reference/README.md",
    "docs/reference/cli.md",
    "docs/reference/logs.md",
    "docs/reference/metrics.md",
    "docs/reference/programs.md",
    "docs/reference/reasons.md",
    "docs/routers",
    "docs/tutorial.md",
    "docs/works-with.md",
    "operator",
    "pyproject.toml",
    "tests/bench",
    "tests/chaos",
    "tests/cluster",
    "tests/exabgp",
    "tests/fuzz",
    "tests/golden/bgp",
    "tests/golden/migration",
    "tests/hitless",
    "tests/house/__init__.py",
    "tests/house/chart_values.py",
    "tests/house/layers.py",
    "tests/house/log_events.py",
    "tests/house/reference.py",
    "tests/house/test_chart_metadata.py",
    "tests/house/test_chart_values.py",
    "tests/house/test_crds.py",
    "tests/house/test_docs.py",
    "tests/house/test_docs_generated.py",
    "tests/house/test_docs_logs.py",
    "tests/house/test_docs_metrics.py",
    "tests/house/test_docs_operations.py",
    "tests/house/test_gitops.py",
    "tests/house/test_layers.py",
    "tests/house/test_layout.py",
    "tests/house/test_locks.py",
    "tests/house/test_monitoring.py",
    "tests/house/test_prometheus.py",
    "tests/house/test_release.py",
    "tests/house/test_resource_names.py",
    "tests/house/test_settings_files.py",
    "tests/house/test_sizes.py",
    "tests/house/test_words.py",
    "tests/install",
    "tests/lab",
    "tests/laws/__init__.py",
    "tests/laws/bgp",
    "tests/laws/conftest.py",
    "tests/laws/making.py",
    "tests/laws/strategies.py",
    "tests/laws/test_holders.py",
    "tests/laws/test_junk.py",
    "tests/laws/test_memory.py",
    "tests/laws/test_migration.py",
    "tests/laws/test_order.py",
    "tests/laws/test_owners.py",
    "tests/laws/test_record.py",
    "tests/laws/test_reports.py",
    "tests/laws/test_route_limits.py",
    "tests/laws/test_routes.py",
    "tests/laws/test_settled.py",
    "tests/laws/test_statuses.py",
    "tests/laws/test_store_order.py",
    "tests/laws/worlds.py",
    "tests/mutation",
    "tests/router",
    "tests/stories",
    "tests/support",
    "tests/unit/allocation/test_foreign_addresses.py",
    "tests/unit/allocation/test_many_sharers.py",
    "tests/unit/allocation/test_quota.py",
    "tests/unit/allocation/test_sharing_terms.py",
    "tests/unit/analysis/test_settle.py",
    "tests/unit/bgp",
    "tests/unit/kube/test_writer.py",
    "tests/unit/migration",
    "tests/unit/model/test_kinds.py",
    "tests/unit/report/test_heartbeats.py",
    "tests/unit/report/test_peers.py",
    "tests/unit/report/test_resources.py",
    "tests/unit/report/test_speaker.py",
)
"""The folders and files that are held to it."""

SUFFIXES = {".py", ".md", ".yaml", ".tpl", ".txt", ".toml", ".json"}


def _avoided() -> list[str]:
    """Return the words of the table of terms to avoid, which ends the glossary."""
    _, _, table = GLOSSARY.read_text().partition(HEADING)
    return [word for row in ROW.findall(table) for word in re.findall(r"`([^`]+)`", row)]


def _as_pattern(words: str) -> str:
    """Let the words of a phrase stand on two lines, of a comment too."""
    return r"\s+(?:# )?".join(map(re.escape, words.split()))


AVOIDED = re.compile(rf"\b({'|'.join(map(_as_pattern, _avoided()))})\b", re.IGNORECASE)


def _files(place: str) -> list[Path]:
    path = ROOT / place
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    return [file for file in found if file.suffix in SUFFIXES and "__pycache__" not in file.parts]


def _hits(file: Path) -> Iterator[str]:
    text = file.read_text()
    if file == GLOSSARY:
        text = text.partition(HEADING)[0]
    matches = [*AVOIDED.finditer(text), *(INDIRECT.finditer(text) if file.suffix == ".py" else ())]
    for match in matches:
        number = text.count("\n", 0, match.end()) + 1
        yield f"{file.relative_to(ROOT)}:{number}: {match.group().strip()!r} in {text.splitlines()[number - 1].strip()}"


@pytest.mark.parametrize("place", PLAIN)
def test_language_plain(place: str) -> None:
    files = _files(place)
    assert files, f"{place} holds no text"
    hits = [hit for file in files for hit in _hits(file)]
    assert not hits, "\n".join(hits)


def test_language_rules_find_avoided_words() -> None:
    assert len(_avoided()) > 50
    assert AVOIDED.search("nothing is told until they agree")
    assert AVOIDED.search("the pool is Out of force")
    assert AVOIDED.search("the pool is out of\nforce")
    assert AVOIDED.search("# a pool in\n    # force")
    assert not AVOIDED.search("the route is announced")
    assert INDIRECT.search('    """What a node says."""')
    assert INDIRECT.search("def test_what_waits() -> None:")
    assert not INDIRECT.search('    """Whether the peer is up."""')


def test_glossary_terms_have_meaning_and_source() -> None:
    """Each term stands once, with one meaning and one source, in the order of the alphabet."""
    sections = GLOSSARY.read_text().partition(HEADING)[0].split("\n## ")[1:]
    rows = [
        [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")][1:] for part in sections
    ]
    terms = [[row[0] for row in section] for section in rows]
    assert sum(map(len, terms)) >= 40
    assert all(section == sorted(section, key=str.lower) for section in terms)
    assert not [row for section in rows for row in section if len(row) != 3 or not all(row)]
