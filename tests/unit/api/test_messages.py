"""Messages for fields that break a rule use the words of YAML."""

import re
from typing import Any

import pytest

from exalb.kube.manifests import snapshot_of
from exalb.validation.rules import validate
from tests.support.bad_specs import BAD
from tests.support.objects import invalid, node, peer
from tests.support.specs import PEER, POOL, Bad

LIBRARY = re.compile(
    r"\b(tuple|dictionary|validation|input|valid|instance|pydantic|str|bool|dict|parse)\b|Field |Should "
)
"""Words that only the library has for a thing."""


def messages_of(kind: str, spec: Any) -> list[str]:
    """Return the sentences for a spec."""
    raw = {"apiVersion": "exalb.io/v1beta1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    return list(invalid(raw).values())


@pytest.mark.parametrize(
    ("kind", "spec", "says"),
    [
        (POOL, {}, "is required"),
        (POOL, ["x"], "must be an object: fields and their values"),
        (POOL, {"addresses": []}, "must have at least 1 item"),
        (POOL, {"addresses": ["192.0.2.0/24"] * 257}, "must have at most 256 items"),
        (POOL, {"addresses": "192.0.2.0/24"}, "must be a list"),
        (POOL, {"addresses": [7]}, "must be a string: put it in quotes"),
        (PEER, {"template": "\ud800"}, "must be a string of Unicode characters"),
        (POOL, {"addresses": ["192.0.2.0/24"], "disabled": "no"}, "must be a boolean: true or false, without quotes"),
        (PEER, {"myASN": "64512"}, "must be an integer: a whole number, without quotes"),
        (PEER, {"myASN": 0}, "must be greater than or equal to 1"),
        (PEER, {"peerPort": 65536}, "must be less than or equal to 65535"),
        (PEER, {"families": ["ipv4"]}, "must be 'IPv4' or 'IPv6'"),
        (PEER, {"template": ""}, "must have at least 1 character"),
        (PEER, {"template": "x" * 254}, "must have at most 253 characters"),
        (PEER, {"nodeSelectors": [{"matchLabels": ["a"]}]}, "must be an object: fields and their values"),
    ],
)
def test_each_kind_of_mistake_has_its_sentence(kind: str, spec: Any, says: str) -> None:
    assert messages_of(kind, spec) == [says]


@pytest.mark.parametrize("row", BAD, ids=lambda row: row.id)
def test_no_word_of_the_library_leaks(row: Bad) -> None:
    assert not [message for message in messages_of(row.kind, row.spec) if LIBRARY.search(message)]


def test_nor_where_a_node_says_it() -> None:
    cluster, _ = snapshot_of(
        [peer(peerASN=None, peerASNFrom={"nodeAnnotation": "asn"}), node(annotations={"asn": "0"})], "exalb-system"
    )
    (mistake,) = validate(cluster).invalid
    assert "annotation asn of node n1: '0'" in mistake.message
    assert not LIBRARY.search(mistake.message)
