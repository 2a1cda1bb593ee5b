"""Statuses of our custom resources: from the JSON of the API server to a model, and back. Pure."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from exalb.api.schema import Model

Status = TypeVar("Status", bound=Model)


def parse_status(model: type[Status], raw: Mapping[str, Any]) -> Status:
    """Return the status in `raw`; an empty one where the model cannot hold it, so that it is written again."""
    try:
        return model.model_validate(raw)
    except ValidationError:
        return model()


def render_status(status: Model) -> dict[str, Any]:
    """Return the status as JSON for the API server, without unset fields."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
