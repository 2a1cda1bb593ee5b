"""The chart as Helm renders it, for tests that need a part of it in the cluster."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.lab import wait
from tests.lab.api import Json
from tests.lab.cluster import CommandError, Lab

CHART = Path(__file__).parents[2] / "charts" / "exalb"
NAMESPACE = "exalb-system"
IMAGE = "--set=image.repository=registry.example/exalb"
"""The one value without a default."""
POLICY = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


def rendered(lab: Lab, kinds: Collection[str], only: str = "", *, values: Collection[str] = ()) -> list[Json]:
    """Return the chart's objects of some kinds with these values; of the policies `only` the one of that name."""
    chosen = [f"--set={value}" for value in values]
    text = lab.helm("template", "exalb", str(CHART), f"--namespace={NAMESPACE}", IMAGE, *chosen)
    objects = [manifest for manifest in yaml.safe_load_all(text) if manifest and manifest["kind"] in kinds]
    return [entry for entry in objects if not only or entry["kind"] not in POLICY or entry["metadata"]["name"] == only]


@contextmanager
def in_force(lab: Lab, kinds: Collection[str], only: str = "", *, values: Collection[str] = ()) -> Iterator[None]:
    """Have the chart's objects of some kinds in the cluster, in a namespace made for them."""
    objects = rendered(lab, kinds, only, values=values)
    lab.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    try:
        lab.apply(objects)
        yield
    finally:
        lab.delete(objects)


def wait_refused(request: Callable[[], object], sentence: str) -> None:
    """Wait until the API server applies a new policy, which takes a second or so."""

    def refused() -> bool:
        try:
            request()
        except CommandError as error:
            return sentence in str(error)
        return False

    wait.until("the policy is applied", refused, seconds=30)
