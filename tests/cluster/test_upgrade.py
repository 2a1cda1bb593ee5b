"""The definitions come with a release, follow its upgrades, and outlive it with all that people wrote."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from exalb.api.crd import definitions
from tests.cluster.chart import CHART, IMAGE, NAMESPACE
from tests.lab.cluster import Lab
from tests.support.specs import pool

POOL = {"apiVersion": "exalb.io/v1beta1", "kind": "IPAddressPool", "metadata": {"name": "kept"}, "spec": dict(pool())}
COLUMN = {"name": "Disabled", "type": "boolean", "jsonPath": ".spec.disabled"}


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """Return our chart with one more column of a pool."""
    chart = tmp_path / "exalb"
    shutil.copytree(CHART, chart)
    file = chart / "files" / "crds" / "ipaddresspools.yaml"
    crd = yaml.safe_load(file.read_text())
    crd["spec"]["versions"][0]["additionalPrinterColumns"].append(COLUMN)
    file.write_text(yaml.safe_dump(crd))
    return chart


def test_definitions_through_the_life_of_a_release(release: Lab, newer: Path) -> None:
    release.kubectl("delete", f"--filename={CHART / 'files' / 'crds'}")
    helm(release, "install", "exalb", CHART, IMAGE, "--create-namespace")
    try:
        release.apply([POOL])
        assert COLUMN not in columns(release)
        helm(release, "upgrade", "exalb", newer, IMAGE)
        assert COLUMN in columns(release)
        helm(release, "rollback", "exalb", "1")
        assert COLUMN not in columns(release)
    finally:
        kept = helm(release, "uninstall", "exalb")
    assert kept.count("[CustomResourceDefinition]") == len(definitions())
    assert "kept" in release.kubectl("get", "ipaddresspools.exalb.io")
    helm(release, "install", "exalb", CHART, IMAGE)
    helm(release, "uninstall", "exalb")
    release.delete([POOL])


def helm(lab: Lab, verb: str, *arguments: str | Path) -> str:
    """Run Helm on releases of ExaLB's namespace."""
    return lab.helm(verb, *map(str, arguments), f"--namespace={NAMESPACE}")


def columns(lab: Lab) -> list[dict[str, Any]]:
    """Return the columns of pools that the API server knows."""
    crd = json.loads(lab.kubectl("get", "crd", "ipaddresspools.exalb.io", "--output=json"))
    found: list[dict[str, Any]] = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    return found
