"""The part of a BGPAdvertisement that lists the attributes, and their values, that annotations may replace."""

import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from exalb.api.community import FITTING
from exalb.api.community_values import HOW, NAME, PATTERN, read_community
from exalb.api.schema import LIST_SET, Model, cel, each_once, rules

_AS16, _NUMBER32 = "(0|[1-9][0-9]{0,4}):", "(0|[1-9][0-9]{0,9}):"
BLOCK = f"^({_AS16}|large:{_NUMBER32}({_NUMBER32})?|(target|origin):{_AS16})[*]$"
"""All communities of one AS number, or of one that begins so: `65001:*`, `large:65001:*`, `target:65001:*`."""

_HOW_BLOCK = f"is not a community: {HOW}, or 65001:* for all of one AS number"


def _is_community_or_block(text: str) -> str:
    if re.fullmatch(BLOCK, text):
        return text
    try:
        read_community(text)
    except ValueError as error:
        raise ValueError(f"{error}, or 65001:* for all of one AS number") from None
    return text


CommunityChoice = Annotated[
    str,
    AfterValidator(_is_community_or_block),
    Field(
        max_length=64,
        json_schema_extra=rules(
            cel(
                f"self.matches('{PATTERN}') || self.matches('{BLOCK}') || (size(self) <= 63 && self.matches('{NAME}'))",
                _HOW_BLOCK,
            ),
            *FITTING,
        ),
    ),
]

_BACKWARDS = "must not be greater than max"


class NumberRange(Model):
    """Numbers from `min` to `max`."""

    model_config = ConfigDict(json_schema_extra=rules(cel("self.min <= self.max", _BACKWARDS, fieldPath=".min")))

    min: Annotated[int, Field(strict=True, ge=0, le=4294967295)] = 0
    """The lowest value."""
    max: Annotated[int, Field(strict=True, ge=0, le=4294967295)]
    """The highest value."""

    @model_validator(mode="after")
    def _in_order(self) -> "NumberRange":
        if self.min > self.max:
            raise ValueError(f"min: {_BACKWARDS}")
        return self


class ServiceOverrides(Model):
    """The attributes that annotations of a Service may replace; an unset one keeps the value of the advertisement."""

    communities: Annotated[
        tuple[CommunityChoice, ...],
        Field(max_length=63, json_schema_extra=LIST_SET),
        AfterValidator(each_once),
    ] = ()
    """The communities that `exalb.io/communities` may request: values, names, or `65001:*` for all of one AS number."""
    local_pref: NumberRange | None = None
    """The values of `exalb.io/local-pref`."""
    med: NumberRange | None = None
    """The values of `exalb.io/med`."""
    as_path_prepend: NumberRange | None = None
    """The values of `exalb.io/as-path-prepend`."""
