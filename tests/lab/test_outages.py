"""An archive or a registry that does not answer: the message names it, and says that the same command goes on later."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import buildah, cache, images, packages, progress

NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which apt knows one archive, which does not answer, and no registry does."""
    if os.geteuid() != 0:
        pytest.skip("apt installs, and buildah builds, for root alone")
    packages.ensure(print, packages.IMAGES)
    for name in ("lists/partial", "archives/partial", "cache"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sources.list").write_text(f"deb {NOWHERE}/debian bookworm main\n")
    settings = {
        "Dir::Etc::SourceList": tmp_path / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": tmp_path / "lists",
        "Dir::Cache": tmp_path / "cache",
        "Dir::Cache::Archives": tmp_path / "archives",
        "Acquire::Retries": 0,
    }
    (tmp_path / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    return {
        **os.environ,
        "APT_CONFIG": str(tmp_path / "apt.conf"),
        "XDG_CACHE_HOME": str(tmp_path),
        "https_proxy": NOWHERE,
    }


def _run(script: str, environment: dict[str, str], *arguments: Path) -> str:
    """Run a script that fails, as a program would, and return what it says."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=Path(packages.__file__).parents[2],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_archive_that_does_not_answer_is_named(environment: dict[str, str]) -> None:
    script = (
        "from tests.lab import packages\n"
        "packages.ensure(print, [packages.Package('exalb-absent', ('exalb-absent',))])\n"
    )
    said = _run(script, environment)
    assert "It fetches from Debian's archive (/etc/apt/sources.list" in said
    assert progress.AGAIN in said
    assert NOWHERE in said, "what apt says of it"


def test_base_that_can_neither_be_pulled_nor_made_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.lab import buildah\n"
        "with buildah.storage(Path(sys.argv[1]), print) as images:\n"
        "    images.build(Path('.'), 'system', 'building')\n"
    )
    said = _run(script, environment, tmp_path / "storage")
    assert f"It fetches from {buildah.ARCHIVE}. {progress.AGAIN}" in said


def test_index_that_does_not_answer_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    """The layers before it are there; a lock that differs from theirs needs the index of packages."""
    images.runtime_image(print)
    for name in images.DESCRIPTION:
        source, copy = images.CHECKOUT / name, tmp_path / "checkout" / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    with (tmp_path / "checkout/requirements/runtime.txt").open("a") as lock:
        lock.write("# another lock\n")
    script = (
        "import sys; from pathlib import Path; from tests.lab import buildah\n"
        "with buildah.storage(Path(sys.argv[1]), print) as images:\n"
        "    images.build(Path(sys.argv[2]), 'packages', 'building')\n"
    )
    own = {**environment, "PIP_INDEX_URL": f"{NOWHERE}/simple", "PIP_RETRIES": "0"}
    said = _run(script, own, cache.root() / "buildah", tmp_path / "checkout")
    assert f"It fetches from {buildah.ARCHIVE} and the package index of pip. {progress.AGAIN}" in said
