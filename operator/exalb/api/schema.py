"""Shared by the custom resources: the base model, label selectors, small field types and how CEL rules are attached.

Each rule exists twice: as CEL in the schema, so that `kubectl apply` refuses mistakes, and in the model, so that it
also holds for manifests that are read without an API server. One table of good and bad specs tests both.
"""

import re
from collections import ChainMap
from collections.abc import Hashable, Iterable, Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError

from exalb.api.address_ranges import parse_address
from exalb.api.docstrings import field_texts

GROUP = "exalb.io"
VERSION = "v1beta1"

MAX_ITEMS = 256
"""Bounds every list, so that the API server can bound the cost of the CEL rules over it."""


def cel(rule: str, message: str, **more: str) -> dict[str, str]:
    """Return one entry of `x-kubernetes-validations`: a CEL rule and the message of a violation."""
    return {"rule": rule, "message": message, **more}


def rules(*entries: dict[str, str]) -> dict[str, Any]:
    """Return schema extras that carry CEL rules."""
    return {"x-kubernetes-validations": list(entries)}


Item = TypeVar("Item", bound=Hashable)


def each_once(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return `items`; raise ValueError if one is there twice, as the API server does for a list of type `set`."""
    if twice := [item for index, item in enumerate(items) if item in items[:index]]:
        raise ValueError(f"Duplicate value: {twice[0]!r}: write it once")
    return items


LIST_SET = {"x-kubernetes-list-type": "set"}

Flag = StrictBool
"""True or false; texts and numbers are refused."""


class Model(BaseModel):
    """Base of all parts of a spec: camelCase on the outside, immutable, unknown fields dropped as the server does."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_unset(cls, value: object) -> object:
        return {key: item for key, item in value.items() if item is not None} if isinstance(value, Mapping) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe each field by the text below it; raises KeyError where there is none."""
        made = handler(core)
        properties = handler.resolve_ref_schema(made)["properties"]
        texts = ChainMap(*(field_texts(model) for model in cls.__mro__ if issubclass(model, Model)))
        for name, field in cls.model_fields.items():
            properties[field.alias].setdefault("description", texts[name])
        return made


def several(title: str, mistakes: Iterable[tuple[str, str]]) -> ValidationError:
    """Return one error for several mistakes, each with its field (by its name in YAML) and its message."""
    errors: list[InitErrorDetails] = [
        {"type": PydanticCustomError("rule", "{message}", {"message": message}), "loc": (field,), "input": None}
        for field, message in mistakes
    ]
    return ValidationError.from_exception_data(title, errors)


def _is_ip(text: str) -> str:
    parse_address(text)
    return text


IS_IP = cel("isIP(self)", "is not an IP address: write it like 203.0.113.1 or 2001:db8::1")

IPText = Annotated[str, AfterValidator(_is_ip), Field(max_length=45, json_schema_extra=rules(IS_IP))]
"""An address, written without zone or embedded IPv4 address. A type made from it must repeat IS_IP among its rules."""


def _is_routable(text: str) -> str:
    address = ip_address(text)
    link_local = address.version == 6 and address.is_link_local
    if address.is_multicast or address.is_unspecified or link_local or text == "255.255.255.255":
        raise ValueError(f"{text!r}: must be a unicast address, and not an IPv6 link-local one")
    return text


HostText = Annotated[
    IPText,
    AfterValidator(_is_routable),
    Field(
        json_schema_extra=rules(
            IS_IP,
            cel(
                "!isIP(self) || ip(self).isGlobalUnicast() || ip(self).isLoopback()"
                " || (ip(self).family() == 4 && ip(self).isLinkLocalUnicast())",
                "must be a unicast address, and not an IPv6 link-local one",
            ),
        )
    ),
]
"""The address of one host, which can be reached without the name of an interface."""

Name = Annotated[str, Field(min_length=1, max_length=253)]
Names = Annotated[tuple[Name, ...], Field(max_length=MAX_ITEMS, json_schema_extra=LIST_SET), AfterValidator(each_once)]

ASN = Annotated[int, Field(strict=True, ge=1, le=4294967295)]
"""A four-octet autonomous system number (RFC 6793)."""

_DURATION = r"([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?"
_HOW_SECONDS = "must be whole seconds: write 90 (without quotes), 90s or 1m30s"


def _seconds(value: object) -> int:
    """Read `90`, `90s`, `1m30s` as seconds."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(_DURATION, value) if isinstance(value, str) and value else None
    if not match:
        raise ValueError(f"{value!r}: {_HOW_SECONDS}")
    hours, minutes, seconds = (int(part[:-1]) if part else 0 for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def is_seconds(low: int, high: int, message: str, *, or_zero: bool = False) -> dict[str, Any]:
    """Return the schema of a duration between `low` and `high` seconds: an integer or text such as `90s`."""
    seconds = "(type(self) == int ? self : int(duration(self).getSeconds()))"
    zero = f"{seconds} == 0 || " if or_zero else ""
    shape = f"type(self) == int || self.matches('^{_DURATION}$') && self != ''"
    return rules(
        cel(shape, _HOW_SECONDS),
        cel(f"!({shape}) || ({zero}{seconds} >= {low} && {seconds} <= {high})", message),
    ) | {"x-kubernetes-int-or-string": True}


Seconds = Annotated[int, BeforeValidator(_seconds)]


class LabelSelectorRequirement(Model):
    """One expression of a label selector (Kubernetes API, meta/v1)."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
                "In and NotIn need values; Exists and DoesNotExist take none",
            )
        )
    )

    key: Annotated[str, Field(min_length=1, max_length=317)]
    """The key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label relates to `values`."""
    values: Annotated[
        tuple[Annotated[str, Field(max_length=63)], ...],
        Field(max_length=64, json_schema_extra=LIST_SET),
        AfterValidator(each_once),
    ] = ()
    """For In and NotIn: the values that the label may, or must not, have."""

    @model_validator(mode="after")
    def _values_fit(self) -> "LabelSelectorRequirement":
        if (self.operator in ("In", "NotIn")) != bool(self.values):
            raise ValueError("In and NotIn need values; Exists and DoesNotExist take none")
        return self

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether `labels` satisfy the expression; NotIn holds if the key is missing."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case _:  # DoesNotExist
                return self.key not in labels

    def __str__(self) -> str:
        """Return it as kubectl takes one."""
        values = ",".join(self.values)
        texts = {"In": f"{self.key} in ({values})", "NotIn": f"{self.key} notin ({values})", "Exists": self.key}
        return texts.get(self.operator, f"!{self.key}")


class LabelSelector(Model):
    """A label selector (Kubernetes API, meta/v1): all parts must hold; an empty one matches everything."""

    match_labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=64), Field(default_factory=dict)
    ]
    """Labels that must be there with these values."""
    match_expressions: Annotated[tuple[LabelSelectorRequirement, ...], Field(max_length=32)] = ()
    """Expressions that must hold."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether `labels` satisfy every part."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )

    def __str__(self) -> str:
        """Return it as kubectl takes one: `rack=a,zone in (b,c),!spare`."""
        parts = [f"{key}={value}" for key, value in self.match_labels.items()]
        return ",".join([*parts, *map(str, self.match_expressions)])


LabelSelectors = Annotated[tuple[LabelSelector, ...], Field(max_length=64)]


def selectors_text(selectors: tuple[LabelSelector, ...]) -> str:
    """Return selectors of which one must match, for people."""
    return " or ".join(map(str, selectors))


def any_matches(selectors: tuple[LabelSelector, ...], labels: Mapping[str, str]) -> bool:
    """Return whether one of `selectors` matches; an empty tuple matches everything."""
    return not selectors or any(selector.matches(labels) for selector in selectors)


NOT_OBSERVED = -1
"""The observed generation that the API server gives to an object without a report: kstatus waits for one then."""


Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class Condition(Model):
    """A condition (Kubernetes API, meta/v1)."""

    type: Annotated[str, Field(max_length=316)]
    """The type of the condition, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(max_length=1024)]
    """The reason, one word for programs."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """The reason as a sentence for people."""
    observed_generation: int | None = None
    """The `metadata.generation` of the object that the condition describes."""
    last_transition_time: Time
    """When `status` last changed."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]

ObservedGeneration = Annotated[int, Field(ge=NOT_OBSERVED, json_schema_extra={"format": "int64"})] | None
"""The `metadata.generation` that a status describes, at the place where kstatus compares the two."""
