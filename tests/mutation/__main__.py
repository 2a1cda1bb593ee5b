"""`python -m tests.mutation [allocation announcement peer_sync] [--files PATTERN …]`: mutate, run the tests, compare.

mutmut makes the mutants and runs the tests, in a copy of the checkout under `mutants/` that has the layout it needs.
The exit status is 1 if a mutant survives that nobody has judged: kill it by a test, or judge it in `judged.toml`.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COPY = ROOT / "mutants"
JUDGED = Path(__file__).with_name("judged.toml")
COPIED = ("__init__.py", "golden", "lab", "laws", "support", "unit")
"""The parts of tests/ that the tests below need."""
DECISIONS = ("tests/unit/analysis", "tests/golden/plan", "tests/laws/test_memory.py")


@dataclass(frozen=True, slots=True)
class Subject:
    """Code that is mutated, and the tests that must notice."""

    files: str
    tests: tuple[str, ...]


SUBJECTS = {
    "allocation": Subject(
        "src/exalb/allocation/*.py", ("tests/unit/allocation", *DECISIONS, "tests/laws/test_owners.py")
    ),
    "announcement": Subject(
        "src/exalb/announcement/*.py", ("tests/unit/announcement", *DECISIONS, "tests/laws/test_routes.py")
    ),
    "peer_sync": Subject("src/exalb_bgp/peer_s*.py", ("tests/unit/bgp", "tests/laws/bgp/test_peer_sync.py")),
}
# The ignored test counts instructions; mutmut adds some to every function.
CONFIG = """
[tool.pytest.ini_options]
addopts = "--import-mode=importlib -p no:cacheprovider -p no:xdist -p no:cov"
pythonpath = ["."]
asyncio_mode = "auto"
timeout = 300

[tool.mutmut]
source_paths = ["src"]
only_mutate = {files}
pytest_add_cli_args = ["--ignore=tests/unit/allocation/test_refused_crowd.py"]
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false
"""


class Mutant(NamedTuple):
    """One change that no test noticed."""

    function: str
    was: str
    becomes: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}; all if none is given"
    )
    parser.add_argument("--files", nargs="+", help="mutate only these files, such as 'src/exalb/allocation/pools.py'")
    options = parser.parse_args(arguments)
    survivors: set[Mutant] = set()
    for name in options.subjects or SUBJECTS:
        subject = SUBJECTS[name]
        _copy(options.files or [subject.files], subject.tests)
        _run("run")
        survivors |= set(_survivors())
    judged = _judged()
    unjudged = sorted(survivors - judged.keys())
    for mutant in unjudged:
        print(f'\n[[survivor]]\nfunction = "{mutant.function}"\nwas = {mutant.was!r}\nbecomes = {mutant.becomes!r}')
    print(f"\n{len(survivors)} mutants survive, {len(unjudged)} of them unjudged in {JUDGED.relative_to(ROOT)}")
    return 1 if unjudged else 0


def _copy(files: Sequence[str], tests: Sequence[str]) -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    without = shutil.ignore_patterns("__pycache__")
    for source in ("operator/exalb", "bgp/exalb_bgp"):
        shutil.copytree(ROOT / source, COPY / "src" / Path(source).name, ignore=without)
    (COPY / "tests").mkdir()
    for name in COPIED:
        part, target = ROOT / "tests" / name, COPY / "tests" / name
        shutil.copytree(part, target, ignore=without) if part.is_dir() else shutil.copy(part, target)
    config = CONFIG.format(files=json.dumps(files), tests=json.dumps(tests))
    (COPY / "pyproject.toml").write_text(config)


def _run(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "mutmut", *words], cwd=COPY, check=True)


def _survivors() -> Iterator[Mutant]:
    """Read what mutmut found: the mutants that survived, and those that no test reaches."""
    for line in _output("results").splitlines():
        name, _, status = line.strip().rpartition(": ")
        if status in {"survived", "no tests"}:
            changes = [text for text in _output("show", name).splitlines() if text[:1] in {"-", "+"}]
            was = [text[1:].strip() for text in changes if text[0] == "-" and not text.startswith("---")]
            becomes = [text[1:].strip() for text in changes if text[0] == "+" and not text.startswith("+++")]
            yield Mutant(_readable(name), "\n".join(was), "\n".join(becomes))


def _output(*words: str) -> str:
    command = [sys.executable, "-m", "mutmut", *words]
    return subprocess.run(command, cwd=COPY, check=True, capture_output=True, text=True).stdout


def _readable(name: str) -> str:
    """Return the function that a name such as `exalb.a.xǁClassǁmethod__mutmut_2` or `exalb.a.x_function__…` means."""
    module, _, mangled = name.partition("__mutmut_")[0].rpartition(".")
    function = mangled.removeprefix("xǁ").replace("ǁ", ".") if "ǁ" in mangled else mangled.removeprefix("x_")
    return f"{module}.{function}"


def _judged() -> Mapping[Mutant, str]:
    """Read the judgements: why a mutant may live."""
    rows = tomllib.loads(JUDGED.read_text())["survivor"]
    return {Mutant(row["function"], row["was"], row["becomes"]): row["why"] for row in rows}


if __name__ == "__main__":
    sys.exit(main())
