"""What is said of a field that breaks a rule, in words about YAML: those of the library are about its own types."""

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
_ELSE = "is not what its description in the schema asks for"


def mistakes(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """Return where each mistake is, and the sentence for it."""
    return [(one["loc"], _sentence(one)) for one in error.errors(include_url=False, include_input=False)]


def _sentence(found: Mapping[str, Any]) -> str:
    """Return the sentence of one mistake; what our own validators say is one already."""
    if found["type"] in ("value_error", "rule"):
        return str(found["msg"]).removeprefix("Value error, ")
    context = found.get("ctx", {})
    return _SENTENCES.get(found["type"], _ELSE).format(s="" if context.get("min_length") == 1 else "s", **context)
