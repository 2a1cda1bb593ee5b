"""The API server accepts the migrated form of every object that MetalLB's definitions accept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from tests.lab.api import ApiError, Json
from tests.lab.cluster import Lab
from tests.support.kubernetes import metallb
from tests.support.kubernetes.world import OURS
from tests.support.metallb import HOME, metallb_advertisement, migrated
from tests.support.metallb_specs import objects
from tests.support.tree import ROOT

OWN = ROOT / "tests" / "golden" / "migration"


def read(*paths: Path) -> list[Json]:
    """Return the objects in files."""
    return [raw for path in sorted(paths) for raw in yaml.safe_load_all(path.read_text()) if raw]


@pytest.fixture
def samples(cluster: Lab) -> Iterator[list[list[Json]]]:
    """Return sets of MetalLB's objects, while the API server knows their definitions."""
    made, files = metallb.definitions(), [*sorted(OWN.glob("*/manifests.yaml")), *metallb.samples()]
    cluster.kubectl("apply", "--server-side", "--filename=-", given=yaml.safe_dump_all(made))
    cluster.kubectl("wait", "--for=condition=Established", *(f"crd/{entry['metadata']['name']}" for entry in made))
    cluster.kubectl("create", "namespace", HOME)
    known = {entry["spec"]["names"]["kind"] for entry in made}
    found = [[raw for raw in read(file) if _is_of_metallb(raw) and raw["kind"] in known] for file in files]
    yield [_in_home(part) for part in found if part]
    cluster.kubectl("delete", "namespace", HOME, "--wait=false")
    cluster.delete(made)


def _is_of_metallb(raw: Json) -> bool:
    return str(raw["apiVersion"]).startswith("metallb.io/")


def _in_home(part: list[Json]) -> list[Json]:
    return [{**raw, "metadata": {**raw["metadata"], "namespace": HOME}} for raw in part]


def test_samples_are_accepted_before_and_after(cluster: Lab, samples: list[list[Json]]) -> None:
    written = 0
    for part in samples:
        cluster.kubectl("apply", "--dry-run=server", "--filename=-", given=yaml.safe_dump_all(part))
        for made in migrated(*part, metallb_advertisement("another")).objects:
            must_be_accepted(cluster, made)
            written += 1
    assert written > len(samples)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(objects)
def test_any_migrated_object_is_accepted(cluster: Lab, raw: Json) -> None:
    for made in migrated(raw, metallb_advertisement("another"), all_nodes=False).objects:
        must_be_accepted(cluster, made)


def must_be_accepted(lab: Lab, made: Json) -> None:
    """Fail if the API server would refuse an object."""
    plural = {"Community": "communities"}.get(made["kind"], f"{made['kind'].lower()}s")
    body = {**made, "metadata": {**made["metadata"], "name": f"dry-{made['metadata']['name']}"}}
    try:
        lab.api.request("POST", f"{OURS}/{plural}", body, query={"dryRun": "All", "fieldValidation": "Strict"})
    except ApiError as error:
        pytest.fail(f"{error}: {yaml.safe_dump(made)}")
