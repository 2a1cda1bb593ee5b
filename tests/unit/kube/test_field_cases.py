"""Inputs that people really have: files of other products, misspelt fields, old versions. A plan names each mistake."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from exalb.__main__ import run
from tests.support.objects import Object, advertisement, endpoints, node, peer, pool, secret, service

MAIN, TOR = pool("main", "198.51.100.0/24"), peer()
REST = [node("n1", "192.0.2.11"), node("n2", "192.0.2.12"), MAIN, endpoints()]


def changed(raw: Object, **fields: Any) -> Object:
    """Return the object with other fields at its top."""
    return {**raw, **fields}


def with_spec(raw: Object, **fields: Any) -> Object:
    """Return the object with more fields in its spec."""
    return {**raw, "spec": {**raw["spec"], **fields}}


def planned(folder: Path, capsys: pytest.CaptureFixture[str], *objects: Object) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the plan of manifests."""
    (folder / "all.yaml").write_text(yaml.safe_dump_all(objects))
    code = run("exalb", ["plan", "-f", str(folder / "all.yaml"), "-o", "json"])
    return code, json.loads(capsys.readouterr().out)


INVALID = [
    pytest.param(
        changed(TOR, apiVersion="exalb.io/v1beta2"),
        "BGPPeer tor apiVersion: no kind BGPPeer in exalb.io/v1beta2: write exalb.io/v1beta1",
        id="version-of-ours",
    ),
    pytest.param(
        changed(TOR, kind="L3Advertisement"),
        "L3Advertisement tor kind: no kind L3Advertisement in exalb.io/v1beta1: ExaLB has BGPAdvertisement, BGPPeer",
        id="kind-of-ours",
    ),
    pytest.param(
        changed(endpoints("old"), apiVersion="discovery.k8s.io/v1beta1"),
        "old-ipv4 apiVersion: no kind EndpointSlice in discovery.k8s.io/v1beta1: write discovery.k8s.io/v1",
        id="version-of-kubernetes",
    ),
    pytest.param(
        changed(service(), annotations={"metallb.universe.tf/loadBalancerIPs": "198.51.100.77"}),
        "Service web metadata: annotations is not a field of Service: did you mean metadata.annotations?",
        id="annotations-beside-metadata",
    ),
    pytest.param(
        changed(service(), loadBalancerIP="198.51.100.77"),
        "Service web spec: loadBalancerIP is not a field of Service: did you mean spec.loadBalancerIP?",
        id="field-beside-spec",
    ),
    pytest.param(
        service(loadBalancerIp="198.51.100.77"),
        "Service web spec: spec.loadBalancerIp is not a field of Service: did you mean spec.loadBalancerIP?",
        id="field-in-other-letters",
    ),
    pytest.param(
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "annotation": {"a": "b"}}},
        "Service web metadata: metadata.annotation is not a field of Service: did you mean metadata.annotations?",
        id="annotation-singular",
    ),
    pytest.param(
        with_spec(TOR, passwordSecretRef={"name": "key", "namespace": "metallb-system"}),
        "remove it: ExaLB reads Secrets of one namespace, the chart's passwords.namespace",
        id="secret-reference-with-namespace",
    ),
    pytest.param(with_spec(TOR, peerIP="203.0.113.1"), "did you mean peerAddress?", id="field-of-calico"),
    pytest.param(with_spec(MAIN, protocol="bgp"), "remove it: ExaLB announces by BGP alone", id="field-of-metallb"),
    pytest.param(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": 1234}},
        "Namespace 1234 metadata.name: 1234 is not a string: put it in quotes",
        id="name-is-a-number",
    ),
    pytest.param(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ["a"]}},
        "metadata.name: ['a'] is not a string: put it in quotes",
        id="name-is-a-list",
    ),
    pytest.param(
        changed(service(), metadata={"name": "web", "namespace": 7}),
        "Service web metadata.namespace: 7 is not a string: put it in quotes",
        id="namespace-is-a-number",
    ),
]


@pytest.mark.parametrize(("raw", "says"), INVALID)
def test_mistake_is_named_and_stops_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], raw: Object, says: str
) -> None:
    code, found = planned(tmp_path, capsys, *REST, service("other"), secret(), raw)
    messages = [f"{row['kind']} {row['name']} {row['field']}: {row['message']}" for row in found["invalid"]]
    assert code == 1
    assert any(says in message for message in messages), messages
    assert ["198.51.100.0"] in [row["addresses"] for row in found["services"]]


NOTES = [
    pytest.param(
        [changed(TOR, apiVersion="metallb.io/v1beta2"), changed(peer("b"), apiVersion="metallb.io/v1beta2")],
        "BGPPeer (2 of metallb.io) NotRead: of MetalLB, which a plan does not read: see `exalb migrate`",
        id="objects-of-metallb",
    ),
    pytest.param(
        [changed(TOR, apiVersion="crd.projectcalico.org/v1")],
        "BGPPeer (1 of crd.projectcalico.org) NotRead: of Calico",
        id="objects-of-calico",
    ),
    pytest.param(
        [{"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "by-hand"}, "subsets": []}],
        "Endpoints default/by-hand NotRead: is not read: add the EndpointSlices",
        id="endpoints-without-a-slice",
    ),
    pytest.param(
        [peer(sourceAddress="192.0.2.11")],
        "BGPPeer tor SourceAddressOfOtherNode: 192.0.2.11 is an address of node n1, and the peer selects node n2 too",
        id="source-address-of-another-node",
    ),
]


@pytest.mark.parametrize(("objects", "says"), NOTES)
def test_note(tmp_path: Path, capsys: pytest.CaptureFixture[str], objects: list[Object], says: str) -> None:
    code, found = planned(tmp_path, capsys, *REST, *objects)
    messages = [f"{row['kind']} {row['name']} {row['reason']}: {row['message']}" for row in found["notes"]]
    assert code == 0
    assert any(says in message for message in messages), messages


GOOD = [
    pytest.param([{"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "web"}}], id="endpoints-with-a-slice"),
    pytest.param([peer(sourceAddress="192.0.2.11", nodeSelectors=[{"matchLabels": {"a": "b"}}])], id="no-node-at-all"),
    pytest.param([peer(sourceAddress="192.0.2.99")], id="source-address-of-no-node"),
    pytest.param([service(newField=1, ports=[])], id="unknown-field-of-a-newer-kubernetes"),
    pytest.param([advertisement()], id="nothing-special"),
]


@pytest.mark.parametrize("objects", GOOD)
def test_no_note(tmp_path: Path, capsys: pytest.CaptureFixture[str], objects: list[Object]) -> None:
    code, found = planned(tmp_path, capsys, *REST, *objects)
    notes = [row for row in found.get("notes", []) if row["reason"] not in ("SelectsNothing", "NotAdvertised")]
    assert (code, found["invalid"], notes) == (0, [], [])


def test_folder_with_other_files_is_planned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A kustomization needs no kind, and values of a chart have none; hidden folders are not entered."""
    files = {
        "pool.yaml": yaml.safe_dump(MAIN),
        "kustomization.yaml": "resources:\n- pool.yaml\n",
        "values.yaml": "# nothing\n",
        ".git/broken.yaml": "{",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert run("exalb", ["plan", "-f", str(tmp_path)]) == 0
    printed = capsys.readouterr().err
    assert [line.split(": ")[1] for line in printed.splitlines()] == [f"{tmp_path}/kustomization.yaml"]


def test_input_of_another_product_alone_is_no_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "all.yaml").write_text(yaml.safe_dump(changed(TOR, apiVersion="metallb.io/v1beta2")))
    assert run("exalb", ["plan", "-f", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert "exalb migrate" in printed.err


def test_text_form_has_the_reason_of_each_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([*REST, pool("later", "198.51.100.0/30"), TOR]))
    run("exalb", ["plan", "-f", str(tmp_path)])
    assert "invalid IPAddressPool main spec.addresses: PoolOverlap: 198.51.100" in capsys.readouterr().out
