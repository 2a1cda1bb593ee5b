"""Community: names for BGP communities, to be used in advertisements and on Services."""

import re
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from exalb.api.community_values import HOW, NAME, PATTERN, WELL_KNOWN, parse_community
from exalb.api.schema import MAX_ITEMS, Conditions, Model, ObservedGeneration, cel, rules


def _is_community(text: str) -> str:
    parse_community(text)
    return text


def _fits(condition: str) -> str:
    return f"!self.matches('{PATTERN}') || {condition}"


_NUMBERS = "self.matches('^[0-9:]+$')"

FITTING = (
    cel(
        _fits(f"!{_NUMBERS} || self.split(':').all(part, int(part) <= 65535)"),
        "is not a community: a number does not fit into 16 bits, at most 65535",
    ),
    cel(
        _fits("!self.startsWith('large:') || self.split(':').all(part, part == 'large' || int(part) <= 4294967295)"),
        "is not a community: a number does not fit into 32 bits, at most 4294967295",
    ),
    cel(
        _fits(
            "!(self.startsWith('target:') || self.startsWith('origin:'))"
            " || (int(self.split(':')[1]) <= 65535 && int(self.split(':')[2]) <= 4294967295)"
        ),
        "is not a community: a number does not fit into 16 bits (AS number) or 32 bits (value)",
    ),
)
"""The rules on the numbers of a text that has the form of a community."""

CommunityValue = Annotated[
    str,
    AfterValidator(_is_community),
    Field(
        max_length=64,
        json_schema_extra=rules(cel(f"self.matches('{PATTERN}')", f"is not a community: {HOW}"), *FITTING),
    ),
]

_NO_NAME = "is not a name for a community: start with a letter and continue with letters, digits, '.', '_' or '-'"


def _is_name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise ValueError(f"{text!r} {_NO_NAME}")
    return text


_KNOWN = "{" + ", ".join(f"'{name}': '{value}'" for name, value in WELL_KNOWN.items()) + "}"
_OTHER_VALUE = "is a well-known community with a fixed value: choose another name"


class NamedCommunity(Model):
    """One name and its value."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                f"!(self.name in {_KNOWN}) || self.value in [self.name, {_KNOWN}[self.name]]",
                _OTHER_VALUE,
                fieldPath=".name",
            )
        )
    )

    name: Annotated[
        str,
        AfterValidator(_is_name),
        Field(max_length=63, json_schema_extra=rules(cel(f"self.matches('{NAME}')", _NO_NAME))),
    ]
    """The name that advertisements and Services use. If two objects define one name, the older one decides."""
    value: CommunityValue
    """A standard (65001:100), large (large:65001:1:2), extended (target:65001:100) or well-known one."""

    @model_validator(mode="after")
    def _keeps_well_known_names(self) -> "NamedCommunity":
        known = WELL_KNOWN.get(self.name)
        if known and self.value not in (self.name, str(known)):
            raise ValueError(f"name: {_OTHER_VALUE}")
        return self


def _names_once(items: tuple[NamedCommunity, ...]) -> tuple[NamedCommunity, ...]:
    names = [item.name for item in items]
    if twice := [name for index, name in enumerate(names) if name in names[:index]]:
        raise ValueError(f"Duplicate value: {twice[0]!r}: give each name once")
    return items


class CommunitySpec(Model):
    """The desired state of a Community."""

    communities: Annotated[
        tuple[NamedCommunity, ...],
        Field(
            max_length=MAX_ITEMS,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
        AfterValidator(_names_once),
    ] = ()
    """The names; each once."""


class CommunityStatus(Model):
    """The observed state of a Community."""

    observed_generation: ObservedGeneration = None
    """The `metadata.generation` of the object that this status describes; -1 before the first report."""
    conditions: Conditions = ()
    """Ready: whether all names have the values given here, or why not."""
