"""Documented commands mean our resources where Calico's and MetalLB's have the same names, on a real API server."""

import re
import shlex
from collections.abc import Iterator

import pytest

from exalb.api.definitions import RESOURCES
from exalb.api.schema import GROUP, VERSION
from tests.lab.api import Json
from tests.lab.cluster import CommandError, Lab
from tests.support.documents import Page, pages
from tests.support.kubernetes.definitions import served
from tests.support.specs import peer, pool
from tests.support.tree import ROOT, files

FOREIGN = {
    "crd.projectcalico.org": {"BGPPeer": "bgppeers", "IPPool": "ippools"},
    "metallb.io": {
        "BGPPeer": "bgppeers",
        "IPAddressPool": "ipaddresspools",
        "BGPAdvertisement": "bgpadvertisements",
        "L2Advertisement": "l2advertisements",
        "BFDProfile": "bfdprofiles",
        "Community": "communities",
    },
}
"""Groups of other products, with the kinds that matter here."""
READING, WRITING = ("get", "describe", "explain"), ("delete", "annotate", "label")
ELSEWHERE = {
    *("exalb", "apply", "create", "expose", "patch", "scale", "rollout", "wait"),  # in stories, and tests of documents
    *("logs", "exec", "top", "cordon", "uncordon", "drain", "replace"),  # of Kubernetes' own kinds
    *("events", "port-forward"),  # cluster/test_events, stories/test_rights
    *("purelb", "diff"),  # named to compare ours with
}
PLACEHOLDERS = {"NODE": "n1", "NAMESPACE": "default", "NAME": "web", "POD": "pod"}
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
    with served(release, definitions):
        release.apply(
            [{"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "not-ours"}} for group, kind, _ in kinds]
        )
        release.apply(OURS)
        yield release
    release.delete(OURS)


def test_uninstall_deletes_only_our_objects(shared: Lab) -> None:
    lines = section(Page(ROOT / "docs" / "how-to" / "uninstall.md"), "## For good")
    for line in [line for line in lines if re.match(r"kubectl (get|annotate|delete) [a-z]+\.exalb\.io", line)]:
        shared.kubectl(*line.split()[1:])
    left = [entry["kind"] for entry in OURS if shared.kubectl("get", f"{entry['kind']}.{GROUP}", "--output=name")]
    assert left == ["BGPSpeaker"]
    for group, names in FOREIGN.items():
        for plural in names.values():
            assert (
                shared.kubectl("get", f"{plural}.{group}", "--output=name") == f"{names_of(plural, group)}/not-ours\n"
            )


def documented() -> Iterator[str]:
    """Yield every command of kubectl in the documents and the chart's notes, also inside pipes."""
    notes = (ROOT / "charts/exalb/templates/NOTES.txt").read_text()
    for text in ["\n".join(page.code()) for page in pages()] + [re.sub(r"{{.*?}}", "exalb-system", notes)]:
        variables = dict(re.findall(r"^(\w+)=([\w,.]+)$", text, re.MULTILINE))
        for line in text.replace("\\\n", " ").splitlines():
            whole = re.sub(r"(^|\s)#.*", "", line)
            for part in re.split(r"\||&&|;|\$\(", whole):
                command = part.partition(" > ")[0].strip()
                for name, value in {**PLACEHOLDERS, **{f"${key}": word for key, word in variables.items()}}.items():
                    command = command.replace(name, value)
                if command.startswith("kubectl "):
                    yield command


def verb_of(command: str) -> str:
    """Return the first word that is neither an option nor the namespace."""
    return next(word for word in re.sub(r" -n \S+", "", command).split()[1:] if not word.startswith("-"))


def said(lab: Lab, *words: str) -> str:
    """Return what kubectl prints, also where it fails."""
    try:
        return lab.kubectl(*words)
    except CommandError as error:
        return str(error)


@pytest.mark.parametrize("verb", [*READING, *WRITING])
def test_documented_commands_mean_our_objects(shared: Lab, verb: str) -> None:
    """Each is run; what writes, as a dry run. An object that is not there is no error here, and an unknown kind is."""
    commands = sorted({command for command in documented() if verb_of(command) == verb})
    whole = [command for command in commands if re.search(rf" {verb} [^-\s]", command)]
    assert whole, f"no command of kubectl {verb} in the documents"
    for command in whole:
        words = shlex.split(command)[1:] + (["--dry-run=server"] if verb in WRITING else [])
        shown = said(shared, *words)
        assert "doesn't have a resource type" not in shown, command
        assert "error:" not in shown, f"{command}: {shown}"
        assert "not-ours" not in shown or any(f".{group}" in command for group in FOREIGN), f"{command}: {shown}"


def test_commands_name_no_kind_that_others_have_too() -> None:
    """The server chooses between two groups with a bare name, so a run alone does not show it."""
    bare = {name for kinds in FOREIGN.values() for kind, plural in kinds.items() for name in (plural, kind.lower())}
    sources = (path.read_text() for path in files(".py") if path.is_relative_to(ROOT / "operator"))
    messages = [found for text in sources for found in re.findall(r"kubectl [^\"`\n]+", text)]
    assert len(messages) > 10
    for command in [*documented(), *messages]:
        assert not bare & set(re.split(r"[\s,/]", command)), command


def test_every_documented_verb_is_run_here_or_elsewhere() -> None:
    assert {verb_of(command) for command in documented()} <= {*READING, *WRITING, *ELSEWHERE}


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
