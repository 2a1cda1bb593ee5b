"""The models hold manifests to the rules that the API server holds objects to."""

from collections.abc import Iterator
from typing import Any

import pytest

from exalb.api.crd import definition
from exalb.api.definitions import RESOURCES, Resource
from exalb.model.kinds import BY_NAME
from tests.support.bad_specs import BAD
from tests.support.good_specs import GOOD, Good
from tests.support.specs import Bad


@pytest.mark.parametrize("row", BAD, ids=lambda row: row.id)
def test_bad_spec_is_refused(row: Bad) -> None:
    parsed = BY_NAME[row.kind].parse({"metadata": {"name": "x"}, "spec": row.spec})
    assert parsed.spec is None
    assert [(mistake.field, row.says.lower() in mistake.message.lower()) for mistake in parsed.invalid] == [
        (row.field, True)
    ]


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row.id)
def test_good_spec_is_accepted_with_the_defaults_of_the_server(row: Good) -> None:
    parsed = BY_NAME[row.kind].parse({"metadata": {"name": "x"}, "spec": row.spec})
    assert parsed.invalid == ()
    as_the_server_holds_it = {**row.defaults, **(row.spec if row.stored is None else row.stored)}
    assert parsed.spec == BY_NAME[row.kind].parse({"metadata": {"name": "x"}, "spec": as_the_server_holds_it}).spec


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind)
def test_every_rule_of_the_definitions_is_broken_by_a_row(resource: Resource) -> None:
    said = [row.says.lower() for row in BAD if row.kind == resource.kind and row.unseen is None]
    shared = [row.says.lower() for row in BAD if row.unseen is None and ".matchExpressions[" in row.field]
    messages = {rule["message"] for rule in rules(definition(resource))}
    assert not [message for message in messages if not any(words in message.lower() for words in (*said, *shared))]


def rules(node: Any) -> Iterator[dict[str, str]]:
    """Yield every CEL rule below `node`."""
    if isinstance(node, dict):
        yield from node.get("x-kubernetes-validations", [])
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from rules(child)


def test_rows_are_told_apart_by_their_ids() -> None:
    ids = [*(row.id for row in BAD), *(row.id for row in GOOD)]
    assert len(set(ids)) == len(ids)
