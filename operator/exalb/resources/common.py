"""What the custom resources share: the base model, label selectors, small field types and how CEL rules are attached.

A rule stands twice: as CEL in the schema, so that `kubectl apply` refuses what is wrong, and in the model, so that
manifests read without an API server are held to the same. One table of good and bad specs runs through both.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

GROUP = "exalb.io"
VERSION = "v1beta1"

MAX_ITEMS = 256
"""Bounds every list, so that the API server can bound the cost of the CEL rules over it."""


def cel(rule: str, message: str, **more: str) -> dict[str, str]:
    """Return one entry of `x-kubernetes-validations`: a CEL rule and the sentence for who breaks it."""
    return {"rule": rule, "message": message, **more}


def rules(*entries: dict[str, str]) -> dict[str, Any]:
    """Return schema extras that carry CEL rules."""
    return {"x-kubernetes-validations": list(entries)}


LIST_SET = {"x-kubernetes-list-type": "set"}


class Model(BaseModel):
    """Base of all parts of a spec: camelCase on the outside, immutable, unknown fields dropped as the server does."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


def _is_ip(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address: write it like 203.0.113.1 or 2001:db8::1") from None
    if "%" in text or (address.version == 6 and address.ipv4_mapped):
        raise ValueError(f"{text!r} must be a plain IPv4 or IPv6 address, without zone or embedded IPv4 address")
    return text


IPText = Annotated[
    str,
    AfterValidator(_is_ip),
    Field(
        max_length=45,
        json_schema_extra=rules(cel("isIP(self)", "must be an IP address: write it like 203.0.113.1 or 2001:db8::1")),
    ),
]

Name = Annotated[str, Field(min_length=1, max_length=253)]
Names = Annotated[tuple[Name, ...], Field(max_length=MAX_ITEMS, json_schema_extra=LIST_SET)]

ASN = Annotated[int, Field(strict=True, ge=1, le=4294967295)]
"""A four-octet autonomous system number (RFC 6793)."""

_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")


def _seconds(value: object) -> object:
    """Read `90`, `90s`, `1m30s` as seconds; leave anything else to be refused."""
    if isinstance(value, str) and value:
        match = _DURATION.match(value)
        if not match:
            raise ValueError(f"{value!r} is not a duration: write whole seconds like 90s or 1m30s")
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds
    return value


def is_seconds(low: int, high: int, message: str, *, or_zero: bool = False) -> dict[str, Any]:
    """Return the schema of a duration between `low` and `high` seconds: an integer or text such as `90s`."""
    seconds = "(type(self) == int ? self : int(duration(self).getSeconds()))"
    zero = f"{seconds} == 0 || " if or_zero else ""
    shape = "type(self) == int || self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$') && self != ''"
    return rules(
        cel(shape, "must be whole seconds: write 90 or 90s"),
        cel(f"!({shape}) || ({zero}{seconds} >= {low} && {seconds} <= {high})", message),
    ) | {"x-kubernetes-int-or-string": True}


Seconds = Annotated[int, BeforeValidator(_seconds)]


class LabelSelectorRequirement(Model):
    """One expression of a label selector (Kubernetes API, meta/v1)."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            cel(
                "self.operator in ['In', 'NotIn'] == (has(self.values) && size(self.values) > 0)",
                "In and NotIn need values; Exists and DoesNotExist take none",
            )
        )
    )

    key: Annotated[str, Field(min_length=1, max_length=317)]
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[
        tuple[Annotated[str, Field(max_length=63)], ...], Field(max_length=64, json_schema_extra=LIST_SET)
    ] = ()

    @model_validator(mode="after")
    def _values_fit(self) -> "LabelSelectorRequirement":
        if (self.operator in ("In", "NotIn")) != bool(self.values):
            raise ValueError("In and NotIn need values; Exists and DoesNotExist take none")
        return self

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether `labels` satisfy the expression; NotIn holds where the key is missing."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class LabelSelector(Model):
    """A label selector (Kubernetes API, meta/v1): all parts must hold; an empty one matches everything."""

    match_labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=64), Field(default_factory=dict)
    ]
    match_expressions: Annotated[tuple[LabelSelectorRequirement, ...], Field(max_length=32)] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether `labels` satisfy every part."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )


LabelSelectors = Annotated[tuple[LabelSelector, ...], Field(max_length=64)]


def any_matches(selectors: tuple[LabelSelector, ...], labels: Mapping[str, str]) -> bool:
    """Tell whether one of `selectors` matches; no selectors at all match everything."""
    return not selectors or any(selector.matches(labels) for selector in selectors)


class Condition(Model):
    """A condition (Kubernetes API, meta/v1)."""

    type: Annotated[str, Field(max_length=316)]
    status: Literal["True", "False", "Unknown"]
    reason: Annotated[str, Field(max_length=1024)]
    message: Annotated[str, Field(max_length=32768)] = ""
    observed_generation: int | None = None
    last_transition_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})]


Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]
