"""The models hold manifests to the rules that the API server holds objects to."""

from typing import Any

import pytest

from exalb.parse_resources import parse_advertisement, parse_peer, parse_pool
from tests.unit.good_specs import GOOD, Good
from tests.unit.specs import ADVERTISEMENT, BAD, PEER, POOL, Bad

PARSE: dict[str, Any] = {POOL: parse_pool, PEER: parse_peer, ADVERTISEMENT: parse_advertisement}


@pytest.mark.parametrize("row", BAD, ids=lambda row: row.id)
def test_bad_spec_is_refused(row: Bad) -> None:
    parsed = PARSE[row.kind]({"metadata": {"name": "x"}, "spec": row.spec})
    assert parsed.spec is None
    assert [(mistake.field, row.says.lower() in mistake.message.lower()) for mistake in parsed.invalid] == [
        (row.field, True)
    ]


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row.id)
def test_good_spec_is_accepted_with_the_defaults_of_the_server(row: Good) -> None:
    parsed = PARSE[row.kind]({"metadata": {"name": "x"}, "spec": row.spec})
    assert parsed.invalid == ()
    as_the_server_holds_it = {**row.defaults, **(row.spec if row.stored is None else row.stored)}
    assert parsed.spec == PARSE[row.kind]({"metadata": {"name": "x"}, "spec": as_the_server_holds_it}).spec


def test_rows_are_told_apart_by_their_ids() -> None:
    ids = [*(row.id for row in BAD), *(row.id for row in GOOD)]
    assert len(set(ids)) == len(ids)
