"""Manifests are read as Kubernetes reads them; what is no manifest is told with its file."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from exalb.__main__ import run as exalb
from exalb.kube.manifests import UnreadableError, is_planned, read, snapshot_of
from tests.support.objects import Object, advertisement, invalid, node, peer, pool, secret, service

WEB, MAIN = service(), pool("main", "198.51.100.0/24")
OTHER = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}


def written(folder: Path, text: str, name: str = "x.yaml") -> list[str]:
    """Write a manifest and return what to read."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return [str(path)]


def names(objects: list[Object]) -> list[str]:
    """Return what was read."""
    return [f"{one['kind']}/{one['metadata']['name']}" for one in objects]


def in_list(*objects: Object, kind: str = "List", api: str = "v1") -> Object:
    """Return a list as kubectl prints it."""
    return {"apiVersion": api, "kind": kind, "items": list(objects), "metadata": {"resourceVersion": ""}}


def bare(raw: Object) -> Object:
    """Return an item of a typed list, which does not say what it is."""
    return {key: value for key, value in raw.items() if key not in ("kind", "apiVersion")}


BOTH = ["Service/web", "IPAddressPool/main"]

READABLE = [
    pytest.param(yaml.safe_dump_all([WEB, MAIN]), BOTH, id="several-documents"),
    pytest.param(f"---\n---\n{yaml.safe_dump_all([WEB, None, MAIN])}---\n# end\n", BOTH, id="empty-documents"),
    pytest.param("", [], id="nothing"),
    pytest.param("# nothing\n", [], id="a-comment"),
    pytest.param(json.dumps(in_list(WEB, MAIN)), BOTH, id="json-list"),
    pytest.param(json.dumps(WEB, indent="\t"), ["Service/web"], id="json-with-tabs"),
    pytest.param(f"\n{json.dumps(WEB, indent=2)}\n{json.dumps(MAIN)}\n", BOTH, id="json-objects-one-after-the-other"),
    pytest.param(json.dumps(WEB) + json.dumps(MAIN), BOTH, id="json-objects-on-one-line"),
    pytest.param(json.dumps(service("web", labels={"x": "\U0001f600"})), ["Service/web"], id="json-with-surrogates"),
    pytest.param("\ufeff" + yaml.safe_dump(WEB), ["Service/web"], id="byte-order-mark"),
    pytest.param(yaml.safe_dump(WEB).replace("\n", "\r\n"), ["Service/web"], id="windows-line-ends"),
    pytest.param(yaml.safe_dump(in_list(WEB, in_list(MAIN))), BOTH, id="list-in-a-list"),
    pytest.param(yaml.safe_dump(in_list(bare(WEB), kind="ServiceList")), ["Service/web"], id="typed-list"),
    pytest.param(
        yaml.safe_dump(in_list(bare(MAIN), kind="IPAddressPoolList", api="exalb.io/v1beta1")),
        ["IPAddressPool/main"],
        id="typed-list-of-ours",
    ),
    pytest.param(yaml.safe_dump(in_list() | {"items": None}), [], id="list-of-nothing"),
    pytest.param(yaml.safe_dump_all([WEB, {"apiVersion": "v1", "kind": "ConfigMap"}]), ["Service/web"], id="others"),
    pytest.param("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", [], id="others-without-a-name"),
    pytest.param(yaml.safe_dump(MAIN | {"apiVersion": "metallb.io/v1beta1"}), [], id="our-kind-in-another-group"),
    pytest.param(yaml.safe_dump(WEB | {"apiVersion": "serving.knative.dev/v1"}), [], id="their-kind-in-another-group"),
    pytest.param("apiVersion: v1\nkind: ConfigMap\ndata: {a: =, b: 2026-01-01, c: 64512:10}\n", [], id="odd-words"),
]


@pytest.mark.parametrize(("text", "found"), READABLE)
def test_readable(tmp_path: Path, text: str, found: list[str]) -> None:
    assert names(list(filter(is_planned, read(written(tmp_path, text)).objects))) == found


NO_OBJECT, NO_NAME, NO_YAML = "no Kubernetes object", "without a metadata.name", "no YAML or JSON"

UNREADABLE = [
    pytest.param("{", NO_YAML, id="half-a-mapping"),
    pytest.param("a: b: c", NO_YAML, id="no-yaml"),
    pytest.param("\0", NO_YAML, id="no-text"),
    pytest.param("a: &a [*b]", NO_YAML, id="no-anchor"),
    pytest.param("!!python/object:os.system {}", NO_YAML, id="no-tag-of-ours"),
    pytest.param("a: !!int ''", NO_YAML, id="no-number"),
    pytest.param("a: !!timestamp x", NO_YAML, id="no-time"),
    pytest.param("? [1]\n: 2", NO_YAML, id="no-key"),
    pytest.param("9" * 5000, NO_YAML, id="many-digits"),
    pytest.param("[" * 5000, NO_YAML, id="deep"),
    pytest.param("&a {kind: List, apiVersion: v1, items: [*a]}", NO_YAML, id="a-list-in-itself"),
    pytest.param("hello", NO_OBJECT, id="a-word"),
    pytest.param("- a\n- b", NO_OBJECT, id="a-sequence"),
    pytest.param("[]", NO_OBJECT, id="an-empty-sequence"),
    pytest.param("kind: Service", NO_OBJECT, id="no-api-version"),
    pytest.param("{apiVersion: 1, kind: Service, metadata: {name: x}}", NO_OBJECT, id="api-version-is-a-number"),
    pytest.param("{apiVersion: v1, metadata: {name: x}}", NO_OBJECT, id="no-kind"),
    pytest.param("{apiVersion: v1, kind: [], metadata: {name: x}}", NO_OBJECT, id="kind-is-no-text"),
    pytest.param("{apiVersion: v1, kind: Service}", NO_NAME, id="no-metadata"),
    pytest.param("{apiVersion: v1, kind: Service, metadata: {generateName: x-}}", NO_NAME, id="no-name"),
    pytest.param("{apiVersion: v1, kind: List, items: [7]}", NO_OBJECT, id="list-of-a-number"),
    pytest.param("{apiVersion: v1, kind: List, items: {a: b}}", "items are no list", id="list-of-a-mapping"),
    pytest.param("{apiVersion: v1, kind: List, items: 7}", "items are no list", id="list-that-is-a-number"),
]


@pytest.mark.parametrize(("text", "says"), UNREADABLE)
def test_unreadable(tmp_path: Path, text: str, says: str) -> None:
    (path,) = written(tmp_path, text)
    with pytest.raises(UnreadableError, match=says) as caught:
        read([path])
    assert path in str(caught.value)


def test_words_mean_what_they_mean_to_kubernetes(tmp_path: Path) -> None:
    text = """
    {apiVersion: v1, kind: Service, metadata: {name: x}, spec:
      [64512:10, 12:30:45, 2026-01-01, 2026-01-01T00:00:00Z, =, 0x1f, 010, 1e3, 1.5, -7, +7, 1_000, .5, 09, yes, ~]}
    """
    (raw,) = read(written(tmp_path, text)).objects
    assert raw["spec"] == [
        *("64512:10", "12:30:45", "2026-01-01", "2026-01-01T00:00:00Z", "="),
        *(31, 8, 1000.0, 1.5, -7, 7, 1000, 0.5, "09", True, None),
    ]


def test_a_folder_is_read_with_all_below_in_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a/z.yml", "a/y.json", "c.txt"):
        written(tmp_path, json.dumps(service(Path(name).stem)), name)
    assert names(read([str(tmp_path)]).objects) == ["Service/y", "Service/z", "Service/b"]


@pytest.mark.parametrize("name", ["nothing.yaml", "latin.yaml"])
def test_what_cannot_be_opened_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"# \xe9\n")
    with pytest.raises(UnreadableError, match=f"{name}: cannot be read"):
        read([str(tmp_path / name)])


def test_of_two_with_one_name_the_later_counts() -> None:
    bad, good = service("web", ports=7), service("web", "198.51.100.9")
    for objects, held, wrong in (([bad, good], ["198.51.100.9"], 0), ([good, bad], [], 1)):
        cluster, malformed = snapshot_of(objects, "exalb-system")
        assert [str(ip) for one in cluster.services.values() for ip in one.held] == held
        assert len(malformed) == wrong


MALFORMED: list[tuple[str, Object]] = [
    ("spec-is-a-list", service() | {"spec": ["x"]}),
    ("status-is-text", service() | {"status": "x"}),
    ("label-is-a-number", service(labels={"a": 7})),
    ("label-has-no-name", service(labels={7: "a"})),
    ("annotations-are-a-list", service(annotations=["a"])),
    ("created-is-a-number", service() | {"metadata": {"name": "web", "creationTimestamp": 7}}),
    ("family-unknown", service(ipFamilies=["ipv4"])),
    ("policy-unknown", service(ipFamilyPolicy="DualStack")),
    ("cluster-ip-is-none", service(clusterIP="x")),
    ("port-is-text", service(ports=[{"port": "http"}])),
    ("port-is-infinite", service(ports=[{"port": float("inf")}])),
    ("port-is-missing", service(ports=[{}])),
    ("ports-are-a-number", service(ports=7)),
    ("class-is-a-number", service(loadBalancerClass=7)),
    ("selector-is-a-list", service(selector=["a"])),
    ("ip-is-a-number", service(loadBalancerIP=7)),
    ("ingress-is-text", service() | {"status": {"loadBalancer": {"ingress": "x"}}}),
    ("node-status-is-text", node("web") | {"status": "x"}),
    ("node-addresses-are-text", node("web") | {"status": {"addresses": ["x"]}}),
]


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in MALFORMED])
def test_a_malformed_object_is_told_and_stops_nothing(raw: Object) -> None:
    objects = [MAIN, service("other"), node(), peer(), advertisement(), secret(), raw]
    assert list(invalid(*objects)) == [f"{raw['kind']} web spec"]
    assert "not shaped as the Kubernetes API says" in next(iter(invalid(*objects).values()))
    assert set(snapshot_of(objects, "x")[0].services) == {("default", "other")}


def test_blank_labels_and_odd_addresses_are_no_mistake() -> None:
    objects: list[Any] = [service(labels={"a": None}, annotations={"exalb.io/pool": None}), node("n1", "?", "10.0.0.1")]
    assert invalid(MAIN, *objects) == {}
    cluster, _ = snapshot_of(objects, "exalb-system")
    assert [str(address) for address in cluster.nodes["n1"].addresses] == ["10.0.0.1"]


@pytest.mark.parametrize(
    ("objects", "code"),
    [
        pytest.param([], 2, id="nothing"),
        pytest.param([OTHER], 2, id="nothing-to-plan"),
        pytest.param([MAIN, WEB], 0, id="all-well"),
        pytest.param([MAIN, WEB, peer(), node()], 0, id="a-withheld-route-is-no-error"),
        pytest.param([WEB], 1, id="no-address"),
        pytest.param([MAIN, service("web", "198.51.100.1", loadBalancerIP="x")], 1, id="not-the-one-asked-for"),
        pytest.param([MAIN, service(ipFamilyPolicy="PreferDualStack")], 0, id="one-of-two-preferred"),
        pytest.param([MAIN, service(loadBalancerClass="example.org/lb")], 0, id="not-ours"),
        pytest.param([pool("x")], 1, id="invalid"),
        pytest.param([service(ports=7)], 1, id="malformed"),
        pytest.param([{"kind": "Service"}], 2, id="no-object"),
    ],
)
def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str], objects: list[Object], code: int) -> None:
    path = written(tmp_path, yaml.safe_dump_all(objects))
    for form in ("json", "text"):
        assert exalb("exalb", ["plan", "-f", *path, "-o", form]) == code
    printed = capsys.readouterr()
    assert bool(printed.err) == (code == 2)


def test_text_for_people_holds_what_would_be_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, yaml.safe_dump_all([pool("x", "[/red]"), MAIN, service("[/b]"), peer(), node("[/i]")]))
    assert exalb("exalb", ["plan", "-f", *path]) == 1
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("[/red]", "[/b]", "[/i]"))


def test_secrets_are_looked_up_in_the_namespace_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_key = peer(passwordSecretRef={"name": "key"})
    path = written(tmp_path, yaml.safe_dump_all([with_key, secret(namespace="lb"), secret(kind="Opaque")]))
    assert exalb("exalb", ["plan", "-f", *path, "--namespace", "lb"]) == 0
    assert exalb("exalb", ["plan", "-f", *path]) == 1
    assert "is of type Opaque" in capsys.readouterr().out
