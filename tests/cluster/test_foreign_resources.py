"""Documented commands mean our resources where Calico's and MetalLB's have the same names, on a real API server."""

import re
from collections.abc import Iterator

import pytest

from exalb.api.definitions import RESOURCES
from exalb.api.schema import GROUP, VERSION
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.support.documents import Page, pages
from tests.support.specs import peer, pool
from tests.support.tree import ROOT

FOREIGN = {
    "crd.projectcalico.org": {"BGPPeer": "bgppeers", "IPPool": "ippools"},
    "metallb.io": {
        "BGPPeer": "bgppeers",
        "IPAddressPool": "ipaddresspools",
        "BGPAdvertisement": "bgpadvertisements",
        "Community": "communities",
    },
}
"""Groups of other products, with the kinds that matter here."""
NAMES = "|".join(name for resource in RESOURCES for name in (f"{resource.plural}.{GROUP}", resource.short, "exalb"))
OURS: list[Json] = [
    {"apiVersion": f"{GROUP}/{VERSION}", "kind": "IPAddressPool", "metadata": {"name": "main"}, "spec": dict(pool())},
    {"apiVersion": f"{GROUP}/{VERSION}", "kind": "BGPPeer", "metadata": {"name": "tor"}, "spec": dict(peer())},
    {"apiVersion": f"{GROUP}/{VERSION}", "kind": "BGPSpeaker", "metadata": {"name": "n1"}},
]


def definition(group: str, kind: str, plural: str) -> Json:
    """Return a definition that takes anything."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": group, "names": names, "scope": "Cluster", "versions": [version]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return {**head, "metadata": {"name": f"{plural}.{group}"}, "spec": spec}


@pytest.fixture
def shared(release: Lab) -> Iterator[Lab]:
    """Return the lab with one object of each foreign kind, and with ours."""
    kinds = [(group, kind, plural) for group, names in FOREIGN.items() for kind, plural in names.items()]
    definitions = [definition(*names) for names in kinds]
    release.apply(definitions)
    named = [f"crd/{entry['metadata']['name']}" for entry in definitions]
    release.kubectl("wait", "--for=condition=Established", *named)
    release.apply(
        [{"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "main"}} for group, kind, _ in kinds]
    )
    release.apply(OURS)
    yield release
    release.delete(definitions)
    release.delete(OURS)


def test_uninstall_deletes_only_our_objects(shared: Lab) -> None:
    lines = section(Page(ROOT / "docs" / "operations.md"), "## Uninstall")
    for line in [line for line in lines if re.match(r"kubectl (get|annotate|delete) [a-z]+\.exalb\.io", line)]:
        shared.kubectl(*line.split()[1:])
    left = [entry["kind"] for entry in OURS if shared.kubectl("get", f"{entry['kind']}.{GROUP}", "--output=name")]
    assert left == ["BGPSpeaker"]
    for group, names in FOREIGN.items():
        for plural in names.values():
            assert shared.kubectl("get", f"{plural}.{group}", "--output=name") == f"{names_of(plural, group)}/main\n"


def test_documented_commands_show_our_objects(shared: Lab) -> None:
    pattern = re.compile(rf"kubectl (?:get|describe) (?:services,)?((?:{NAMES})(?: [a-z]\S*)?)(?= |$)")
    named = sorted({match[1] for page in pages() for line in page.code() if (match := pattern.match(line))})
    assert len(named) >= 5
    for words in named:
        shown = shared.kubectl("get", *words.split(), "--output=name", "--ignore-not-found")
        assert all(f".{GROUP}/" in name for name in shown.split()), words


def test_short_names_are_explained_as_ours(shared: Lab) -> None:
    for resource in RESOURCES:
        assert re.search(rf"^GROUP: +{re.escape(GROUP)}$", shared.kubectl("explain", resource.short), re.MULTILINE)


def section(page: Page, heading: str) -> list[str]:
    """Return the command lines of a section, without their comments."""
    body = page.text.partition(f"{heading}\n")[2].partition("\n## ")[0]
    return [line.split("#")[0].strip() for line in body.splitlines() if line.startswith("    ")]


def names_of(plural: str, group: str) -> str:
    """Return how kubectl prints the type of a foreign object."""
    return f"{next(kind for kind, name in FOREIGN[group].items() if name == plural).lower()}.{group}"
