"""Links, files, commands and settings in the documents exist, and the manifests are valid."""

import ast
import re
import shlex
from pathlib import Path

import pytest
import yaml

from exalb.__main__ import run
from exalb.api.definitions import RESOURCES
from exalb.api.reasons import ConditionType, Reason
from exalb.api.schema import GROUP
from exalb.api.speaker import DrainCause
from exalb_bgp.session import State
from tests.support.documents import Page, pages
from tests.support.tree import ROOT, files, sources

PAGES = pages()
by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def of_the_whole(pattern: str) -> set[str]:
    """Return what matches in any document."""
    return {match for page in PAGES for match in re.findall(pattern, page.text)}


ROUTERS = [page for page in PAGES if "routers/" in page.name]


@pytest.mark.parametrize("page", ROUTERS, ids=lambda page: page.name)
@pytest.mark.parametrize("topic", ["BFD", "GRACEFUL_SHUTDOWN", "esilient hashing"])
def test_pages_of_routers_have_all_that_a_drain_and_a_death_depend_on(page: Page, topic: str) -> None:
    assert len(ROUTERS) > 7
    assert topic in page.text


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
    """A path leads there from the root, from the page or from a package; a bare name is that of some file."""
    names = {path.name for path in files()}
    spans = [span for span in re.findall(r"`([\w./-]+)`", page.text) if not span.startswith(("/", "-", "."))]
    named = [
        span
        for span in spans
        if span.endswith(".py") or re.fullmatch(r"(operator|bgp|tests|docs|crds|charts)/.*", span)
    ]
    bases = (
        ROOT,
        page.path.parent,
        ROOT / "operator" / "exalb",
        ROOT / "bgp" / "exalb_bgp",
        ROOT / "bgp" / "exalb_bgp" / "exabgp",
    )
    there = names | {path for path in named if any((base / path).exists() for base in bases)}
    assert not [path for path in named if path not in there]


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = {match for page in PAGES for line in page.code() for match in re.findall(r"^make ([a-z-]+)", line)}
    assert len(asked) > 5
    assert asked <= targets


def test_help_of_make_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text()
    listed = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    assert len(listed) > 30
    assert listed == set(re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE))


@pytest.mark.parametrize("page", [page for page in PAGES if page.manifests()], ids=lambda page: page.name)
def test_manifests_are_good(page: Page, tmp_path: Path) -> None:
    """The manifests of a folder's README apply to each page in it. An unknown field is an error too."""
    readme = Page(page.path.with_name("README.md"))
    together = page.manifests() + (readme.manifests() if readme.path.exists() and readme.path != page.path else [])
    (tmp_path / "all.yaml").write_text("\n---\n".join(together))
    assert exalb("plan", "-f", str(tmp_path / "all.yaml")) == 0


def test_notes_of_the_chart_have_valid_manifests(tmp_path: Path) -> None:
    notes = (ROOT / "charts" / "exalb" / "templates" / "NOTES.txt").read_text()
    block = re.search(r"<<EOF\n(.*?)\n +EOF", notes, re.DOTALL)
    assert block
    (tmp_path / "notes.yaml").write_text(re.sub("^   ", "", block[1], flags=re.MULTILINE))
    assert exalb("plan", "-f", str(tmp_path / "notes.yaml")) == 0


def test_commands_of_exalb_run(tmp_path: Path) -> None:
    """Every command line is run, `plan` with manifests of a page; what runs in a cluster is asked for its help."""
    (tmp_path / "it.yaml").write_text(Page(ROOT / "docs" / "how-to" / "install.md").manifests()[0])
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
    needs_no_cluster = {"--help", "--version"} & set(words) or (words[0] == "plan" and "-f" in words)
    return words if needs_no_cluster else [*words, "--help"]


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
    code = "".join(path.read_text() for path in [*sources(), *files(".yaml")])
    named = of_the_whole(r"(?<![\w.])(?:exalb|metallb)\.io/[A-Za-z-]*[A-Za-z]") - {"exalb.io/v"}
    assert not [name for name in named if name.partition("/")[2] not in code]


def test_values_of_the_chart_that_are_named_exist() -> None:
    values = yaml.safe_load((ROOT / "charts" / "exalb" / "values.yaml").read_text())
    for name in of_the_whole(r"--set ([a-zA-Z.]+)="):
        at = values
        for part in name.split("."):
            assert part in at, name
            at = at[part]


def test_reasons_that_are_named_exist() -> None:
    """A word like `NoNextHop` is a reason, a condition, a cause, an alert, or a word of Kubernetes or BGP.

    Some pages name the words of other products too.
    """
    others = ("docs/decisions/", "docs/migrate/", "docs/works-with.md")
    known = {word.value for word in (*Reason, *ConditionType, *State, *DrainCause)} | {
        "PreferDualStack",
        "RequireDualStack",
    }
    of_the_user = [page for page in PAGES if page.name.startswith("docs/") and not page.name.startswith(others)]
    named = {word for page in of_the_user for word in re.findall(r"`([A-Z][a-z]+(?:[A-Z][A-Za-z]*)+)`", page.text)}
    assert len(named) > 50
    assert not [word for word in named - known if not word.startswith("Exalb")]


def test_uninstall_instructions_name_every_definition() -> None:
    text = (ROOT / "docs" / "how-to" / "uninstall.md").read_text()
    assert not [resource.plural for resource in RESOURCES if f"{resource.plural}.{GROUP}" not in text]


def test_functions_that_the_architecture_names_exist() -> None:
    """`Class.method` and `function()`, wherever in the sources they are."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    methods = set(re.findall(r"`([A-Z]\w+\.[a-z]\w*)`", text)) - {"Service.status"}
    functions = set(re.findall(r"`([a-z]\w+)\(\)`", text))
    assert len(methods) > 5
    assert len(functions) >= 3
    trees = [ast.parse(path.read_text()) for path in sources()]
    defined = {
        node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    held = {
        f"{kind.name}.{node.name}"
        for tree in trees
        for kind in tree.body
        if isinstance(kind, ast.ClassDef)
        for node in kind.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not (methods - held | functions - defined)
