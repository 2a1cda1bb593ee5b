"""No input breaks the plan: what is odd is told, and all the rest is planned."""

import json
from copy import deepcopy
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from exalb.manifests import UnreadableError, picture, read
from exalb.planning import plan, to_json
from tests.laws.making import identity
from tests.laws.strategies import clusters, seeds
from tests.unit.objects import Object, secret

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
    """Return the way to every value inside of an object."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def spoiled(raw: Object, random: Random) -> Object:
    """Return an object in which one value is something else, or gone, or is there that was not."""
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
def test_junk_is_told_and_stops_nothing(objects: list[Object], seed: int) -> None:
    random = Random(seed)
    objects = [*objects, secret()]
    victims = {identity(one): spoiled(one, random) for one in random.sample(objects, min(3, len(objects)))}
    cluster, malformed = picture([victims.get(identity(one), one) for one in objects], "exalb-system")
    shown = to_json(plan(cluster, malformed))
    json.dumps(shown)
    there = {(one["namespace"], one["name"]) for one in shown["services"]}
    ours = {
        (one["metadata"].get("namespace", "default"), one["metadata"]["name"])
        for one in objects
        if one["kind"] == "Service" and identity(one) not in victims
        if one["spec"]["type"] == "LoadBalancer" and one["spec"].get("loadBalancerClass") != "example.org/lb"
    }
    assert ours <= there
    assert all(one["field"].split(".")[0] == "spec" and one["message"] for one in shown["invalid"])


@given(st.text(alphabet=st.sampled_from("{}[]:,-&*!?|>'\"% \n#aA0.~<=@`\t\\é\0"), max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    check(data)


@given(clusters, seeds)
def test_a_torn_manifest_is_read_or_refused(objects: list[Object], seed: int) -> None:
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
            objects = read([str(path)])
        except UnreadableError:
            return
    json.dumps(to_json(plan(*picture(objects, "exalb-system"))))
