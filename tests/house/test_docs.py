"""What the documents say is there is there: links, files, commands, settings, metrics; and their manifests are good."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml

from exalb.__main__ import run
from exalb.crd import RESOURCES
from exalb.resources.common import GROUP
from tests.house.documents import Page, pages
from tests.house.tree import ROOT, files, sources

PAGES = pages()
by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def of_the_whole(pattern: str) -> set[str]:
    """Return what matches in any document."""
    return {match for page in PAGES for match in re.findall(pattern, page.text)}


@by_name
def test_links_lead_somewhere(page: Page) -> None:
    broken = []
    for target in page.links():
        path, _, anchor = target.partition("#")
        there = page.path.parent / path if path else page.path
        if not there.exists() or (anchor and anchor not in Page(there).anchors()):
            broken.append(target)
    assert not broken


@by_name
def test_files_that_are_named_exist(page: Page) -> None:
    """A path leads there from the root or from the page; a bare name is that of some file."""
    names = {path.name for path in files()}
    spans = [span for span in re.findall(r"`([\w./-]+)`", page.text) if not span.startswith(("/", "-", "."))]
    named = [
        span
        for span in spans
        if span.endswith(".py") or re.fullmatch(r"(operator|bgp|tests|docs|crds|charts)/.*", span)
    ]
    there = names | {one for one in named if (ROOT / one).exists() or (page.path.parent / one).exists()}
    assert not [one for one in named if one not in there]


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {match for page in PAGES for line in page.code() for match in re.findall(r"^make ([a-z-]+)", line)}
    assert len(asked) > 5
    assert asked <= targets


@pytest.mark.parametrize("page", [page for page in PAGES if page.manifests()], ids=lambda page: page.name)
def test_manifests_are_good(page: Page, tmp_path: Path) -> None:
    """Those of a folder's README go with those of each page in it. A field that there is not would be told as well."""
    readme = Page(page.path.with_name("README.md"))
    together = page.manifests() + (readme.manifests() if readme.path != page.path else [])
    (tmp_path / "all.yaml").write_text("\n---\n".join(together))
    assert exalb("plan", "-f", str(tmp_path / "all.yaml")) == 0


def test_the_chart_tells_good_manifests(tmp_path: Path) -> None:
    notes = (ROOT / "charts" / "exalb" / "templates" / "NOTES.txt").read_text()
    block = re.search(r"<<EOF\n(.*?)\n +EOF", notes, re.DOTALL)
    assert block
    (tmp_path / "notes.yaml").write_text(re.sub("^   ", "", block[1], flags=re.MULTILINE))
    assert exalb("plan", "-f", str(tmp_path / "notes.yaml")) == 0


def test_commands_of_exalb_run(tmp_path: Path) -> None:
    """Every command line is run, `plan` with manifests of the README; what runs in a cluster is asked for its help."""
    (tmp_path / "it.yaml").write_text(Page(ROOT / "README.md").manifests()[0])
    lines = {line for page in PAGES for line in page.code() if re.match(r"(kubectl )?exalb ", line)}
    assert len(lines) > 5
    for line in sorted(lines):
        assert exalb(*arguments(line, tmp_path / "it.yaml")) == 0, line


def arguments(line: str, manifest: Path) -> list[str]:
    """Return what a command line of the documents means, with something for each of its blanks."""
    filled = re.sub(r"\S+\.yaml|PATH|…", str(manifest), re.sub(r"[\[\]]|(?<=\w)…", "", line.replace(" …", " PATH")))
    words = shlex.split(filled.replace("NAMESPACE", "exalb-system"), comments=True)
    words = words[words.index("exalb") + 1 :]
    if words[0] in {"PROGRAM", "COMMAND"}:
        words[0] = "speaker"
    asks = {"--help", "--version", "-f"} & set(words)
    return words if asks else [*words, "--help"]


def exalb(*arguments: str) -> int:
    """Run the command as a person does; return its exit code."""
    try:
        return run("exalb", arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


def test_variables_that_are_named_are_read() -> None:
    code = "".join(path.read_text() for path in [*files(".py", ".yaml", ".tpl"), ROOT / "Makefile"])
    settings = (ROOT / "docs" / "reference" / "programs.md").read_text()
    read = set(re.findall(r"`(EXALB_\w+)`", settings))
    assert not [name for name in of_the_whole(r"\bEXALB_[A-Z][A-Z_]*\b") if name not in read and name not in code]


def test_annotations_and_labels_that_are_named_are_known() -> None:
    code = "".join(path.read_text() for path in sources())
    named = of_the_whole(r"\b(?:exalb|metallb)\.io/[A-Za-z-]+") - {"exalb.io/v"}
    assert not [name for name in named if name.partition("/")[2] not in code]


def test_values_of_the_chart_that_are_named_exist() -> None:
    values = yaml.safe_load((ROOT / "charts" / "exalb" / "values.yaml").read_text())
    for name in of_the_whole(r"--set ([a-zA-Z.]+)="):
        at = values
        for part in name.split("."):
            assert part in at, name
            at = at[part]


def test_every_metric_is_described_and_no_other() -> None:
    strings = (node for path in sources() for node in ast.walk(ast.parse(path.read_text())))
    texts = {node.value for node in strings if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    made = {text for text in texts if re.fullmatch(r"exalb_[a-z_]*[a-z]", text)} - {"exalb_bgp"}
    told = set(re.findall(r"^\| `(exalb_[a-z_]+)", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE))
    assert told == made


def test_to_remove_everything_every_definition_is_named() -> None:
    for name in ("charts/exalb/README.md", "docs/operations.md"):
        assert not [one.plural for one in RESOURCES if f"{one.plural}.{GROUP}" not in (ROOT / name).read_text()]
