"""The chart as Helm renders it, for tests that need a part of it in force."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.lab.api import Json
from tests.lab.cluster import Lab

CHART = Path(__file__).parents[2] / "charts" / "exalb"
NAMESPACE = "exalb-system"


def rendered(lab: Lab, kinds: Collection[str]) -> list[Json]:
    """Return the chart's objects of some kinds."""
    text = lab.helm("template", "exalb", str(CHART), f"--namespace={NAMESPACE}")
    return [manifest for manifest in yaml.safe_load_all(text) if manifest and manifest["kind"] in kinds]


@contextmanager
def in_force(lab: Lab, kinds: Collection[str]) -> Iterator[None]:
    """Have the chart's objects of some kinds in the cluster, in a namespace made for them."""
    objects = rendered(lab, kinds)
    lab.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    lab.apply(objects)
    yield
    lab.delete(objects)
