"""`exalb plan` agrees with `kubectl apply`, and says in whole lines what people need to know."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from exalb.__main__ import run
from exalb.model.kinds import POOL
from tests.support.objects import Object, addresses, advertisement, endpoints, node, peer, pool, secret, service, wants

MAIN = pool("main", "198.51.100.0/24")
WITH_KEY = peer(passwordSecretRef={"name": "key"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return where the manifests of a test are written."""
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], folder: Path, *objects: Object, form: str = "text") -> tuple[int, str]:
    """Return the exit code and what is printed for the objects."""
    (folder / "x.yaml").write_text(yaml.safe_dump_all(objects))
    code = run("exalb", ["plan", "-f", str(folder / "x.yaml"), "-o", form])
    return code, capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], folder: Path, *objects: Object) -> tuple[int, Any]:
    """Return the exit code and the JSON for the objects."""
    code, out = printed(capsys, folder, *objects, form="json")
    return code, json.loads(out)


def spec_of(raw: Object, **fields: Any) -> Object:
    """Return an object with more in its spec."""
    return raw | {"spec": raw["spec"] | fields}


@pytest.mark.parametrize(
    ("raw", "field", "says"),
    [
        pytest.param(
            spec_of(MAIN, autoasign=False),
            "spec.autoasign",
            "spec.autoasign is not a field of IPAddressPool: did you mean autoAssign?",
            id="misspelt",
        ),
        pytest.param(
            spec_of(MAIN, colour="red"),
            "spec.colour",
            "spec.colour is not a field of IPAddressPool: remove it",
            id="like-nothing",
        ),
        pytest.param(
            spec_of(MAIN, reservations=[{"address": "198.51.100.1", "namespace": "a", "sevice": "b"}]),
            "spec.reservations[0].sevice",
            "spec.reservations[0].sevice is not a field of IPAddressPool: did you mean service?",
            id="in-a-list",
        ),
        pytest.param(
            spec_of(peer(), nodeSelectors=[{"matchlabels": {"a": "b"}}]),
            "spec.nodeSelectors[0].matchlabels",
            "spec.nodeSelectors[0].matchlabels is not a field of BGPPeer: did you mean matchLabels?",
            id="in-a-selector",
        ),
        pytest.param(
            advertisement() | {"specs": {}},
            "spec",
            "specs is not a field of BGPAdvertisement: did you mean spec?",
            id="beside-the-spec",
        ),
    ],
)
def test_unknown_field_reported(
    capsys: pytest.CaptureFixture[str], folder: Path, raw: Object, field: str, says: str
) -> None:
    finding = {"kind": raw["kind"], "name": raw["metadata"]["name"], "field": field}
    code, planned = as_json(capsys, folder, raw)
    assert (code, planned["invalid"]) == (1, [finding | {"reason": "InvalidSpec", "message": says}])


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(peer(nodeSelectors=[{"matchLabels": {"any": "label"}}]), id="labels-are-anybodys"),
        pytest.param(MAIN | {"status": {"of": "a later version"}}, id="a-status-is-nobodys"),
        pytest.param(service(sessionAffinity="None"), id="what-is-not-ours"),
        pytest.param(MAIN | {"metadata": {"name": "main", "managedFields": []}}, id="metadata"),
    ],
)
def test_any_other_field_is_let_be(capsys: pytest.CaptureFixture[str], folder: Path, raw: Object) -> None:
    assert as_json(capsys, folder, MAIN, raw)[1]["invalid"] == []


def test_the_rest_of_such_an_object_is_read_as_the_api_server_would_hold_it() -> None:
    raw = spec_of(MAIN, colour="red")
    assert POOL.parse(raw) == POOL.parse(MAIN)
    assert addresses(raw, service()) == {"web": "198.51.100.0"}


def test_of_two_with_one_name_only_the_later_is_held_to_its_fields(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert as_json(capsys, folder, spec_of(MAIN, colour="red"), MAIN)[0] == 0
    assert as_json(capsys, folder, MAIN, spec_of(MAIN, colour="red"))[0] == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param(node(), "Secret key not found in namespace exalb-system", id="none"),
        pytest.param(secret("other"), "Secret key not found in namespace exalb-system", id="another"),
        pytest.param(secret(namespace="default"), "Secret key not found in namespace exalb-system", id="elsewhere"),
        pytest.param(secret(kind="Opaque"), "is of type Opaque", id="of-no-use"),
    ],
)
def test_the_named_secret_must_be_there(
    capsys: pytest.CaptureFixture[str], folder: Path, given: Object, says: str
) -> None:
    code, planned = as_json(capsys, folder, WITH_KEY, given)
    assert code == 1
    assert says in planned["invalid"][0]["message"]
    assert "notes" not in planned


def test_without_a_node_nobody_announces(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out = printed(capsys, folder, MAIN, service(), peer())
    assert code == 0
    assert "the input has no Nodes" in out
    assert "the input has no Nodes" not in printed(capsys, folder, MAIN, service(), peer(), node())[1]


def test_an_empty_table_says_what_it_means(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    _, out = printed(capsys, folder, MAIN, peer(), node())
    assert out.splitlines() == [
        "Services",
        "the input has no Service of type LoadBalancer",
        "node n1 (AS64512) → tor 203.0.113.1 (AS64513)",
        "nothing is announced",
    ]


def test_no_line_is_broken_for_a_program(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    name, far = "n" * 63 + "." + "n" * 63 + "." + "n" * 63 + "." + "n" * 60, "p" * 63 + "." + "p" * 63
    adverts = [advertisement("a" * 200, med=1), advertisement("b" * 200, med=2)]
    objects = [MAIN, service("w" * 63), endpoints("w" * 63), node(name), peer(far), pool("x" * 250, "all of it")]
    lines = [line.rstrip() for line in printed(capsys, folder, *objects, *adverts)[1].splitlines()]
    assert f"node {name} (AS64512) → {far} 203.0.113.1 (AS64513)" in lines
    assert any("a" * 200 + " (med 1) and " + "b" * 200 + " (med 2) conflict for " in x for x in lines)
    assert any(x.startswith("invalid") and x.endswith("198.51.100.10-198.51.100.20") for x in lines)


def test_annotations_that_mean_nothing_are_noted(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The Service has its address all the same; who follows what it says of a route is told why it cannot be told."""
    asks = {"exalb.io/adresses": "198.51.100.9", "exalb.io/med": "much"}
    theirs = service("theirs", annotations=asks, loadBalancerClass="example.com/cloud")
    given = (MAIN, service("team/web", annotations=asks), endpoints("team/web"), theirs, node(), peer())
    code, planned = as_json(capsys, folder, *given)
    assert (code, planned["services"][0]["addresses"]) == (0, ["198.51.100.0"])
    assert len(planned["nodes"][0]["sessions"][0]["routes"]) == 1
    assert planned["notes"] == [
        {"kind": "Service", "name": "team/web", "field": "metadata.annotations", "reason": reason, "message": message}
        for reason, message in (
            ("InvalidRequest", "exalb.io/med: 'much' is not a number from 0 to 4294967295"),
            ("UnknownAnnotation", "unknown annotation exalb.io/adresses: did you mean exalb.io/addresses?"),
        )
    ]


def test_text_obeys_no_terminal_sequence(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    hostile = service(annotations=wants(pool="x\x1b]0;owned\x07\x1b[2J"))
    out = printed(capsys, folder, MAIN, hostile, node())[1]
    assert "\\x1b]0;owned" in out
    assert not {"\x1b", "\x07"} & set(out)
