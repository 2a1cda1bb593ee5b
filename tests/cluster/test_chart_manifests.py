"""The plain manifest and the kustomize base that `make manifests` makes from the chart."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cluster.chart import NAMESPACE
from tests.lab.cluster import Lab
from tests.support.documented import the_command
from tests.support.tree import ROOT

IMAGE = "registry.example:5000/exalb:1.2"
MAKE = the_command("charts/exalb/README.md", "make manifests .+").replace("REGISTRY/exalb:0.1.0", IMAGE)


@pytest.fixture
def made(cluster: Lab, tmp_path: Path) -> Path:
    """Return the folder that `make manifests` has written."""
    helm = cluster.programs / "helm"
    command = [*MAKE.split(), f"HELM={helm}", f"MANIFESTS={tmp_path / 'base'}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    return tmp_path / "base"


def test_manifest_is_accepted_and_free_of_helm(cluster: Lab, made: Path) -> None:
    text = (made / "exalb.yaml").read_text()
    objects = [entry for entry in yaml.safe_load_all(text) if entry]
    assert objects[0]["kind"] == "Namespace"
    assert not [entry for entry in objects if "helm.sh/hook" in entry["metadata"].get("annotations", {})]
    assert "managed-by: Helm" not in text
    assert text.count(f"image: {IMAGE}\n") == 3
    file = f"--filename={made / 'exalb.yaml'}"
    output = cluster.kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", file)
    assert output.count("(server dry run)") == len(objects)


def test_kustomize_base_takes_another_image(cluster: Lab, made: Path) -> None:
    overlay = made.parent / "overlay"
    overlay.mkdir()
    image = {"name": IMAGE.rpartition(":")[0], "newName": "mirror.example/exalb", "newTag": "7"}
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["../base"], "images": [image]}))
    output = cluster.kubectl(
        "apply", "--dry-run=server", "--server-side", "--force-conflicts", f"--kustomize={overlay}"
    )
    written = cluster.kubectl("kustomize", str(overlay))
    assert output.count("(server dry run)") == len([entry for entry in yaml.safe_load_all(written) if entry])
    assert written.count("image: mirror.example/exalb:7\n") == 3


def test_released_chart_names_the_image_of_its_release(cluster: Lab, tmp_path: Path) -> None:
    helm = cluster.programs / "helm"
    command = ["make", "release-files", f"HELM={helm}", f"IMAGE={IMAGE}", f"RELEASE={tmp_path / 'release'}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [chart] = (tmp_path / "release").glob("exalb-*.tgz")
    shown = yaml.safe_load(cluster.helm("show", "chart", str(chart)))
    [image] = yaml.safe_load(shown["annotations"]["artifacthub.io/images"])
    assert image["image"] == IMAGE
    assert not (tmp_path / "release" / "exalb").exists()
