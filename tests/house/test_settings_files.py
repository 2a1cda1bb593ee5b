"""YAML and TOML files can be read, and the hooks of pre-commit run tools that the virtual environment has."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.support.tree import ROOT, files

HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]


def _is_template(path: Path) -> bool:
    return "templates" in path.parts


@pytest.mark.parametrize("path", [path for path in files(".yaml", ".yml") if not _is_template(path)], ids=str)
def test_yaml_can_be_read(path: Path) -> None:
    list(yaml.compose_all(path.read_text(), yaml.SafeLoader))


@pytest.mark.parametrize("path", files(".toml"), ids=str)
def test_toml_can_be_read(path: Path) -> None:
    tomllib.loads(path.read_text())


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_hook_runs_a_tool_of_the_virtual_environment(hook: dict[str, str]) -> None:
    program, *arguments = hook["entry"].split()
    assert program.startswith(".venv/bin/")
    assert (Path(sys.executable).parent / Path(program).name).exists()
    assert [path for path in arguments if path.startswith("tests/") and not (ROOT / path).exists()] == []


MISSPELT = "adresses"  # codespell:ignore


@pytest.mark.parametrize(("text", "status"), [(f"the {MISSPELT} of a pool", 65), (f"exalb.io/{MISSPELT}", 0)])
def test_misspelt_word_is_an_error_except_as_the_key_of_a_test(text: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(text)
    command = [sys.executable, "-m", "codespell_lib", str(tmp_path / "page.md")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == status
