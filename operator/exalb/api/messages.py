"""Messages for fields that break a rule, in the words of YAML: those of pydantic are about its own types."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

_OBJECT = "must be an object: fields and their values"

_SENTENCES: Mapping[str, str] = {
    "missing": "is required",
    "model_type": _OBJECT,
    "dict_type": _OBJECT,
    "tuple_type": "must be a list",
    "string_type": "must be a string: put it in quotes",
    "string_unicode": "must be a string of Unicode characters",
    "bool_type": "must be a boolean: true or false, without quotes",
    "int_type": "must be an integer: a whole number, without quotes",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} item{s}",
    "too_long": "must have at most {max_length} items",
    "string_too_short": "must have at least {min_length} character{s}",
    "string_too_long": "must have at most {max_length} characters",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than_equal": "must be less than or equal to {le}",
}
"""By the type of the error (pydantic's list of them), with places for its context."""
_ELSE = "is not valid: see the description of the field in the schema"


def mistakes(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """Return the location and the message of each mistake."""
    return [(detail["loc"], _sentence(detail)) for detail in error.errors(include_url=False, include_input=False)]


def _sentence(detail: Mapping[str, Any]) -> str:
    """Return the message of one mistake; messages of our own validators stay as they are."""
    if detail["type"] in ("value_error", "rule"):
        return str(detail["msg"]).removeprefix("Value error, ")
    context = detail.get("ctx", {})
    return _SENTENCES.get(detail["type"], _ELSE).format(s="" if context.get("min_length") == 1 else "s", **context)
