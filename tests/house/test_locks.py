"""The locks are complete: they hold the packages that pyproject.toml requires, directly or not, and nothing else."""

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.locks import excluded_from_image, locked
from tests.support.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
ASKED = {
    "runtime.txt": PROJECT["project"]["dependencies"],
    "build.txt": GROUPS["build"],
    "dev.txt": [*PROJECT["project"]["dependencies"], *GROUPS["dev"], *GROUPS["build"]],
}
"""The requirements of each lock; the group `dev` includes the group `build`."""
INSTALLERS = ("Makefile", "Dockerfile", "tests/lab/gobuild.py")
_HASHED = re.compile(r"^[\w.-]+==\S+(?: ; [^\\]+)? \\(?:\n    --hash=sha256:[0-9a-f]{64}(?: \\)?)+\n", re.MULTILINE)


def _required(asked: list[str], lock: dict[str, str]) -> Iterator[str]:
    """Yield the name of every package that is required, with all that it requires; each must be in the lock."""
    waiting = [needed for text in asked if isinstance(text, str) if _applies(needed := Requirement(text), "")]
    done = set()
    while waiting:
        needed = waiting.pop()
        name = canonicalize_name(needed.name)
        assert name in lock, f"the lock lacks {needed}: run make lock"
        assert needed.specifier.contains(lock[name]), f"the lock has {name} {lock[name]}, but {needed} is required"
        for extra in ("", *needed.extras):
            if (name, extra) in done:
                continue
            done.add((name, extra))
            below = [Requirement(text) for text in metadata.requires(name) or []]
            waiting += [item for item in below if _applies(item, extra)]
        yield name


def _applies(needed: Requirement, extra: str) -> bool:
    return needed.marker is None or needed.marker.evaluate({"extra": extra})


@pytest.mark.parametrize("file", ASKED)
def test_lock_is_the_closure_of_its_requirements(file: str) -> None:
    lock = locked(ROOT / "requirements" / file)
    installed = {name: metadata.version(name) for name in lock}
    assert installed == lock, "this virtual environment is not the lock's: run make venv"
    assert set(_required(ASKED[file], lock)) == set(lock)


def test_image_excludes_the_packages_that_no_program_needs() -> None:
    """The Kubernetes client with all that it alone needs, and all that rich needs, since only tables are used."""
    lock = locked(ROOT / "requirements" / "runtime.txt")
    asked = [text for text in ASKED["runtime.txt"] if Requirement(text).name not in {"kubernetes", "rich"}]
    assert excluded_from_image() == set(lock) - set(_required(asked, lock)) - {"rich"}


def test_lock_of_the_site_has_what_is_required() -> None:
    """It is not installed here: pip installs it without a resolver, and mkdocs fails if something is missing."""
    lock = locked(ROOT / "requirements" / "site.txt")
    assert all(item.specifier.contains(lock[canonicalize_name(item.name)]) for item in map(Requirement, GROUPS["site"]))


@pytest.mark.parametrize(
    "file", [*(f"requirements/{name}" for name in ASKED), "requirements/site.txt", "tests/lab/kube/go.txt"]
)
def test_lock_pins_every_package_with_its_hashes(file: str) -> None:
    text = (ROOT / file).read_text()
    assert _HASHED.sub("", text + "\n" * (not text.endswith("\n"))) == ""


@pytest.mark.parametrize("file", INSTALLERS)
def test_no_installation_goes_through_a_resolver(file: str) -> None:
    """A resolver looks at newer releases than the locked ones; an isolated build fetches its tools unpinned."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    commands = [line for line in text.splitlines() if re.search(r"\bpip\b.*\binstall\b(?!.*\bapt)", line)]
    assert commands
    for command in commands:
        assert "--no-deps" in command, command
        assert "--require-hashes" in command or "--no-index" in command, command


def test_go_is_pinned() -> None:
    """No newer Go is fetched for a module that asks for it, and no module that go.sum does not know."""
    text = (ROOT / "tests" / "lab" / "gobuild.py").read_text()
    assert '"GOTOOLCHAIN": "local"' in text
    assert "-mod=readonly" in text
