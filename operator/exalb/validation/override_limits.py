"""Decides which annotations of a Service an advertisement accepts for attributes of its routes. Pure.

the advertisement has            the annotation                              result
neither                          any                                         has no effect
allowServiceOverrides: true      BLACKHOLE, a route target, or a LOCAL_PREF  OverrideNotAllowed
                                 above the advertisement's (unset: 100)
                                 any other                                   accepted
serviceOverrides                 of an attribute that it does not set        has no effect
                                 with a value that it does not list          OverrideNotAllowed
                                 any other                                   accepted
"""

import re
from collections.abc import Mapping

from exalb.api.advertisement import BGPAdvertisementSpec
from exalb.api.community_values import WELL_KNOWN, AnyCommunity, read_community
from exalb.api.reasons import Reason, Refusal
from exalb.api.service_overrides import BLOCK, NumberRange
from exalb.model.cluster import AttributeOverrides
from exalb.model.service_annotations import AS_PATH_PREPEND, COMMUNITIES, LOCAL_PREF, MED
from exalb_bgp.rib import ExtendedCommunity, ExtendedKind, LargeCommunity

DEFAULT_LOCAL_PREF = 100
"""The LOCAL_PREF that routers give to a route without one."""

_NUMBERS = {"local_pref": LOCAL_PREF, "med": MED, "as_path_prepend": AS_PATH_PREPEND}
ANNOTATIONS: Mapping[str, str] = {"communities": COMMUNITIES, **_NUMBERS}
"""The annotation of each field of AttributeOverrides."""


def allows_overrides(spec: BGPAdvertisementSpec) -> bool:
    """Return whether an advertisement accepts any annotation."""
    return spec.allow_service_overrides or spec.service_overrides is not None


def accepted_part(spec: BGPAdvertisementSpec, overrides: AttributeOverrides) -> AttributeOverrides:
    """Return the overrides without the attributes that annotations may not replace at all."""
    limits = spec.service_overrides
    if limits is None:
        return overrides if spec.allow_service_overrides else AttributeOverrides()
    kept = {field: getattr(overrides, field) for field in ANNOTATIONS if getattr(limits, field)}
    return AttributeOverrides(**kept, problem=overrides.problem)


def refused_value(
    spec: BGPAdvertisementSpec, name: str, overrides: AttributeOverrides, names: Mapping[str, AnyCommunity]
) -> Refusal | None:
    """Return why advertisement `name` does not allow a value of the accepted part of `overrides`, or None."""
    for field, annotation in _NUMBERS.items():
        value, limits = getattr(overrides, field), _limits(spec, field)
        if value is not None and limits and not limits.min <= value <= limits.max:
            return _refusal(annotation, value, name, f"request a number from {limits.min} to {limits.max}")
    for community in overrides.communities or ():
        if not _allows(spec, community, names):
            limit = spec.service_overrides
            others = f"one of {', '.join(limit.communities)}" if limit else "any but BLACKHOLE and route targets"
            return _refusal(COMMUNITIES, community, name, f"request {others}")
    return None


def _limits(spec: BGPAdvertisementSpec, field: str) -> NumberRange | None:
    if spec.service_overrides:
        limits: NumberRange | None = getattr(spec.service_overrides, field)
        return limits
    if field != "local_pref":
        return None
    return NumberRange(max=DEFAULT_LOCAL_PREF if spec.local_pref is None else spec.local_pref)


def _refusal(annotation: str, value: object, name: str, instead: str) -> Refusal:
    message = f"{annotation}: BGPAdvertisement {name} does not allow {value}: {instead}, or change the advertisement"
    return Refusal(Reason.OVERRIDE_NOT_ALLOWED, message)


def _allows(spec: BGPAdvertisementSpec, requested: AnyCommunity | str, names: Mapping[str, AnyCommunity]) -> bool:
    value = names.get(requested) if isinstance(requested, str) else requested
    if value is None:  # A name without a value has a reason of its own.
        return True
    if spec.service_overrides is None:
        is_target = isinstance(value, ExtendedCommunity) and value.kind is ExtendedKind.ROUTE_TARGET
        return value != WELL_KNOWN["BLACKHOLE"] and not is_target
    return any(_includes(entry, value, names) for entry in spec.service_overrides.communities)


def _includes(entry: str, value: AnyCommunity, names: Mapping[str, AnyCommunity]) -> bool:
    if re.fullmatch(BLOCK, entry):
        text = f"large:{value}" if isinstance(value, LargeCommunity) else str(value)
        return text.startswith(entry[:-1])
    known = read_community(entry)
    return value == (names.get(known) if isinstance(known, str) else known)
