"""The generator of the custom resource definitions."""

from pathlib import Path
from typing import Any

import pytest

from exalb.api.crd import definitions, main, structural


def test_definitions_are_written_and_others_removed(tmp_path: Path) -> None:
    directory = tmp_path / "crds"
    directory.mkdir()
    (directory / "old.yaml").write_text("old")
    (directory / "bgppeers.yaml").write_text("old")
    main([str(directory)])
    assert {path.name: path.read_text() for path in directory.iterdir()} == definitions()


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"type": "string", "not": {"const": "x"}}, id="unknown-keyword"),
        pytest.param({"type": "array", "items": {"type": "string"}}, id="list-without-bound"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "integer"}]}, id="union"),
    ],
)
def test_structural_schema_refuses_what_it_cannot_hold(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cannot hold|maxItems|too many values"):
        structural(schema)
