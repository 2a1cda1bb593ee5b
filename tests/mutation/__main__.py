"""`python -m tests.mutation [SUBJECT …] [--files FILE …] [--resume]`: mutate, run the tests, compare.

mutmut makes the mutants and runs the tests, in a copy of the checkout under `mutants/` that has the layout it needs.
The exit status is 1 if a mutant survives that nobody has judged: kill it by a test, or judge it in `judged.toml`. It is
also 1 if a judgement is about a mutant that no longer survives. Each subject is reported when it has ended.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
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

    def has(self, mutant: "Mutant") -> bool:
        """Return whether a mutant is of this code."""
        return mutant.function.startswith(self.files.removeprefix("src/").partition("*")[0].replace("/", "."))


SUBJECTS = {
    "allocation": Subject(
        "src/exalb/allocation/*.py", ("tests/unit/allocation", *DECISIONS, "tests/laws/test_owners.py")
    ),
    "announcement": Subject(
        "src/exalb/announcement/*.py", ("tests/unit/announcement", *DECISIONS, "tests/laws/test_routes.py")
    ),
    "peer_sync": Subject("src/exalb_bgp/peer_s*.py", ("tests/unit/bgp", "tests/laws/bgp/test_peer_sync.py")),
}
ENVIRONMENT = {"EXALB_LAWS": "mutation", "EXALB_WALKS": "200"}
"""The laws look for less: each survivor costs all of them, and what only they notice deserves a test of its own."""
DEAD = frozenset({"killed", "timeout", "segfault"})
"""The states of mutants that a test noticed. mutmut ends one that takes too long; how that ends is its state."""
# The ignored test counts instructions; mutmut adds some to every function.
CONFIG = """
[tool.pytest.ini_options]
addopts = "--import-mode=importlib -p no:cacheprovider -p no:xdist -p no:cov -p no:unraisableexception"
pythonpath = ["."]
asyncio_mode = "auto"
timeout = 120

[tool.mutmut]
source_paths = ["src"]
only_mutate = {files}
pytest_add_cli_args = ["--ignore=tests/unit/allocation/test_refused_crowd.py"]
pytest_add_cli_args_test_selection = {tests}
use_git_change_detection = false
track_dependencies = false
timeout_constant = 10.0
timeout_multiplier = 5.0
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
    parser.add_argument(
        "--resume", action="store_true", help="go on with the last run: what it did not reach, and survivors once more"
    )
    options = parser.parse_args(arguments)
    names = options.subjects or [
        name
        for name, subject in SUBJECTS.items()
        if not options.files or any(fnmatch(file, subject.files) for file in options.files)
    ]
    if options.resume and len(names) != 1:
        parser.error("--resume needs the subject of the last run")
    good = [_test(name, options.files or [], resume=options.resume) for name in names]
    return 0 if good and all(good) else 1


def _test(name: str, files: Sequence[str], *, resume: bool) -> bool:
    """Mutate one subject, or some of its files; print what survives, and return whether all of that is judged."""
    subject = SUBJECTS[name]
    if not resume:
        _copy(files or [subject.files], subject.tests)
    _copy_tests()
    _run("run")
    if resume and (again := [mutant for mutant, state in _states().items() if state not in DEAD]):
        _run("run", *again)
    states = _states()
    alive = [mutant for mutant, state in states.items() if state not in DEAD]
    survivors = set(map(_shown, alive))
    judged = {mutant for mutant in _judged() if subject.has(mutant)}
    unjudged, stale = sorted(survivors - judged), [] if files else sorted(judged - survivors)
    for mutant in unjudged:
        print(f"\n{_row(mutant)}")
    for mutant in stale:
        print(f"\n# judged, but killed now: remove it\n{_row(mutant)}")
    counts = ", ".join(f"{count} {state}" for state, count in sorted(Counter(states.values()).items()))
    print(f"\n{name}: {len(states)} mutants ({counts}); of the survivors {len(unjudged)} are unjudged")
    print(f"{JUDGED.relative_to(ROOT)} judges {len(judged)}, of which {len(stale)} survive no longer", flush=True)
    return not unjudged and not stale


def _copy(files: Sequence[str], tests: Sequence[str]) -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    without = shutil.ignore_patterns("__pycache__")
    for source in ("operator/exalb", "bgp/exalb_bgp"):
        shutil.copytree(ROOT / source, COPY / "src" / Path(source).name, ignore=without)
    config = CONFIG.format(files=json.dumps(files), tests=json.dumps(tests))
    (COPY / "pyproject.toml").write_text(config)


def _copy_tests() -> None:
    shutil.rmtree(COPY / "tests", ignore_errors=True)
    (COPY / "tests").mkdir()
    for name in COPIED:
        part, target = ROOT / "tests" / name, COPY / "tests" / name
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(part, target, ignore=without) if part.is_dir() else shutil.copy(part, target)


def _run(*words: str) -> None:
    subprocess.run(_command(*words), cwd=COPY, check=True, env={**os.environ, **ENVIRONMENT})


def _output(*words: str) -> str:
    return subprocess.run(_command(*words), cwd=COPY, check=True, capture_output=True, text=True).stdout


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "mutmut", *words]


def _states() -> Mapping[str, str]:
    """Read what mutmut found: the state of each mutant, by its name."""
    lines = (line.strip().rpartition(": ") for line in _output("results", "--all", "true").splitlines())
    return {name: state for name, _, state in lines if "__mutmut_" in name}


def _shown(name: str) -> Mutant:
    """Return the change that a mutant is."""
    changes = [text for text in _output("show", name).splitlines() if text[:1] in {"-", "+"}]
    was = [text[1:].strip() for text in changes if text[0] == "-" and not text.startswith("---")]
    becomes = [text[1:].strip() for text in changes if text[0] == "+" and not text.startswith("+++")]
    return Mutant(_readable(name), "\n".join(was), "\n".join(becomes))


def _row(mutant: Mutant) -> str:
    """Write a mutant as `judged.toml` has it; the strings of TOML are those of JSON."""
    fields = (f"{field} = {json.dumps(value, ensure_ascii=False)}" for field, value in mutant._asdict().items())
    return "\n".join(["[[survivor]]", *fields])


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
