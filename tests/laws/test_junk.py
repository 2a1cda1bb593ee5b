"""No input breaks the plan: invalid objects are reported, and all others are planned."""

import json
from copy import deepcopy
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from exalb.analysis.plan import plan
from exalb.analysis.plan_json import to_json
from exalb.kube.manifests import UnreadableError, read, snapshot_of
from tests.laws.making import identity
from tests.laws.strategies import clusters, seeds
from tests.support.objects import Object, secret

JUNK = (
    None,
    True,
    False,
    0,
    -1,
    7,
    1.5,
    float("inf"),
    float("nan"),
    10**400,
    "",
    "x",
    "7",
    "%",
    "\0",
    "é",
    "::1%a",
    b"x",
    "9" * 5000,
)
LISTS: tuple[Any, ...] = ([], [None], ["x"], [7], [[]], [{}])
MAPS: tuple[Any, ...] = ({}, {"": None}, {"x": "y"}, {7: "x"}, {"x": {"y": []}})


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside an object."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def spoiled(raw: Object, random: Random) -> Object:
    """Return an object in which one value is changed, removed or added."""
    raw = deepcopy(raw)
    untouched = (("apiVersion",), ("kind",), ("metadata",), ("metadata", "name"))
    ways = [place for place in places(raw) if place and place not in untouched]
    *way, last = random.choice(ways or [("spec",)])
    inside: Any = raw
    for key in way:
        inside = inside[key]
    if isinstance(inside, dict) and random.random() < 0.1:
        inside.pop(last, None)
    else:
        inside[last] = random.choice(JUNK + LISTS + MAPS)
    return raw


@given(clusters, seeds)
def test_junk_is_reported_and_stops_nothing(objects: list[Object], seed: int) -> None:
    random = Random(seed)
    objects = [*objects, secret()]
    victims = {identity(raw): spoiled(raw, random) for raw in random.sample(objects, min(3, len(objects)))}
    cluster, malformed = snapshot_of([victims.get(identity(raw), raw) for raw in objects], "exalb-system")
    shown = to_json(plan(cluster, malformed))
    json.dumps(shown)
    there = {(row["namespace"], row["name"]) for row in shown["services"]}
    there |= {tuple(row["name"].split("/")) for row in shown.get("notes", ()) if row["kind"] == "Service"}
    ours = {
        (raw["metadata"].get("namespace", "default"), raw["metadata"]["name"])
        for raw in objects
        if raw["kind"] == "Service" and identity(raw) not in victims
        if raw["spec"]["type"] == "LoadBalancer" and raw["spec"].get("loadBalancerClass") != "example.org/lb"
    }
    assert ours <= there
    assert all(
        row["field"].split(".")[0] in ("spec", "metadata", "apiVersion", "kind") and row["message"]
        for row in shown["invalid"]
    )


@given(st.text(alphabet=st.sampled_from("{}[]:,-&*!?|>'\"% \n#aA0.~<=@`\t\\é\0"), max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    check(data)


@given(clusters, seeds)
def test_torn_manifest_is_read_or_refused(objects: list[Object], seed: int) -> None:
    random = Random(seed)
    in_list = {"apiVersion": "v1", "kind": "List", "items": objects}
    text = random.choice([yaml.safe_dump_all(objects), json.dumps(in_list)])
    start, end = sorted(random.choices(range(len(text) + 1), k=2))
    check((text[:start] + random.choice(["", "\n", ":", "{"]) + text[end:]).encode())


def check(data: bytes) -> None:
    """Read, and plan what was read."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_bytes(data)
        try:
            objects = read([str(path)]).objects
        except UnreadableError:
            return
    json.dumps(to_json(plan(*snapshot_of(objects, "exalb-system"))))
