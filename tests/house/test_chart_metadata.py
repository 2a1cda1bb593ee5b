"""Chart.yaml has what Artifact Hub shows: every custom resource, the image, and the changes of this version."""

from typing import Any

import yaml

from tests.support.tree import ROOT

CHART = ROOT / "charts" / "exalb"
METADATA = yaml.safe_load((CHART / "Chart.yaml").read_text())
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"


def annotation(name: str) -> list[dict[str, Any]]:
    """Return the entries of one annotation, which are text of YAML."""
    entries: list[dict[str, Any]] = yaml.safe_load(METADATA["annotations"][f"artifacthub.io/{name}"])
    return entries


def served() -> set[tuple[str, str, str]]:
    """Return name, kind and version of every custom resource of the chart."""
    made = [yaml.safe_load(path.read_text()) for path in sorted((CHART / "files" / "crds").glob("*.yaml"))]
    return {
        (raw["metadata"]["name"], raw["spec"]["names"]["kind"], version["name"])
        for raw in made
        for version in raw["spec"]["versions"]
        if version["served"]
    }


def test_listed_resources_are_those_of_the_chart() -> None:
    listed = annotation("crds")
    assert {(entry["name"], entry["kind"], entry["version"]) for entry in listed} == served()
    assert all(entry["displayName"] and entry["description"] for entry in listed)


def test_examples_are_of_listed_resources() -> None:
    known = {(f"exalb.io/{version}", kind) for _, kind, version in served()}
    assert {(entry["apiVersion"], entry["kind"]) for entry in annotation("crdsExamples")} <= known


def test_listed_image_is_that_of_this_version_and_has_its_platforms() -> None:
    [image] = annotation("images")
    assert image["image"].endswith(f"/exalb:{METADATA['appVersion']}")
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["image"]["steps"]
    [platforms] = [step["with"]["platforms"] for step in steps if "platforms" in step.get("with", {})]
    assert image["platforms"] == platforms.split(",")


def test_changes_are_those_of_this_version() -> None:
    changes = annotation("changes")
    assert {entry["kind"] for entry in changes} <= {"added", "changed", "deprecated", "removed", "fixed", "security"}
    assert any(METADATA["version"] in entry["description"] for entry in changes)
