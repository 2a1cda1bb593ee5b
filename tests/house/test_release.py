"""The workflow of releases: it runs targets that exist, on one version, and pushes only after the tests."""

import re
import subprocess

import yaml

from tests.lab import binaries, gobuild
from tests.support.tree import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
JOBS = yaml.safe_load(WORKFLOW.read_text())["jobs"]


def test_release_runs_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    run = [step.get("run", "") for job in JOBS.values() for step in job["steps"]]
    asked = {target for script in run for target in re.findall(r"\bmake ([a-z-]+)", script)}
    assert {"check", "test-release", "release-version", "release-files"} <= asked <= targets


def test_release_publishes_only_after_the_tests() -> None:
    assert JOBS["image"]["needs"] == "test"
    assert JOBS["publish"]["needs"] == "image"
    assert "needs" not in JOBS["test"]


def test_release_is_tested_on_every_older_kubernetes_of_the_lab() -> None:
    command = ["make", "--no-print-directory", "--dry-run", "test-release"]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.replace("\\\n", " ")
    runs = re.findall(rf"{binaries.VERSION}=(\S+) .*pytest .* tests/cluster\b", shown)
    assert runs == [version for version in gobuild.VERSIONS if version != gobuild.NEWEST]


def test_release_has_one_version() -> None:
    make = ["make", "--no-print-directory", "release-version"]
    assert subprocess.run(make, cwd=ROOT, check=False).returncode == 0
    other = subprocess.run([*make, "VERSION=9.9.9"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert other.returncode != 0
    assert "version is not 9.9.9" in other.stdout


def test_release_signs_only_an_image_without_known_vulnerabilities_that_have_a_fix() -> None:
    steps = JOBS["image"]["steps"]
    [scan] = [index for index, step in enumerate(steps) if step.get("uses", "").startswith("anchore/scan-action@")]
    [sign] = [index for index, step in enumerate(steps) if "cosign sign" in step.get("run", "")]
    assert scan < sign
    assert re.fullmatch(r"anchore/scan-action@[0-9a-f]{40}", steps[scan]["uses"])
    asked = steps[scan]["with"]
    assert asked["image"].endswith("@${{ steps.build.outputs.digest }}")
    assert (asked["fail-build"], asked["only-fixed"], asked["severity-cutoff"]) == (True, True, "high")
    assert "continue-on-error" not in steps[scan]
