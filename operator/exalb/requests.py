"""What a Service asks for in its annotations and in `spec.loadBalancerIP`. Pure.

MetalLB's spellings are read beside ours. Where two spellings of one wish differ, the wish is refused: guessing which
one was meant could move an address.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import TypeVar

from exalb.addresses import parse_address
from exalb.cluster import AttributeOverrides, Request
from exalb.communities import read_community
from exalb.reasons import Reason, Refusal
from exalb.resources.common import GROUP
from exalb_bgp.rib import Address

ADDRESSES = "exalb.io/addresses"
POOL = "exalb.io/pool"
SHARING_KEY = "exalb.io/sharing-key"
COMMUNITIES = "exalb.io/communities"
LOCAL_PREF = "exalb.io/local-pref"
MED = "exalb.io/med"
AS_PATH_PREPEND = "exalb.io/as-path-prepend"

_METALLB = {ADDRESSES: "loadBalancerIPs", POOL: "address-pool", SHARING_KEY: "allow-shared-ip"}
_METALLB_PREFIXES = ("metallb.io/", "metallb.universe.tf/")

_OURS = f"{GROUP}/"
_KNOWN = (ADDRESSES, POOL, SHARING_KEY, COMMUNITIES, LOCAL_PREF, MED, AS_PATH_PREPEND)
_NEAR = {name.removeprefix(_OURS): name for name in _KNOWN} | {
    theirs.lower(): ours for ours, theirs in _METALLB.items()
}
"""What people may have had in mind, without prefix and in small letters, and what they mean by it."""
TOLD = 5
"""How many unknown annotations are named."""

Value = TypeVar("Value")


def parse_request(annotations: Mapping[str, str], load_balancer_ip: str) -> Request:
    """Read the wishes of a Service; where they cannot be read or exclude each other, the request carries a refusal."""
    wishes = _spelled(ADDRESSES, annotations)
    if load_balancer_ip:
        wishes.append(("spec.loadBalancerIP", load_balancer_ip))
    addresses, no_addresses = _agreed(wishes, _parse_addresses)
    pool, no_pool = _agreed(_spelled(POOL, annotations), str.strip)
    sharing_key, no_key = _agreed(_spelled(SHARING_KEY, annotations), str.strip)
    overrides = _parse_overrides(annotations)
    remarks = (*_unknown(annotations), *_unreadable(overrides))
    return Request(addresses or (), pool, sharing_key, overrides, no_addresses or no_pool or no_key, remarks)


def _unknown(annotations: Mapping[str, str]) -> Iterator[Refusal]:
    unknown = sorted(name for name in annotations if name.startswith(_OURS) and name not in _KNOWN)
    for name in unknown[:TOLD]:
        near = get_close_matches(name.removeprefix(_OURS).lower(), _NEAR, n=1)
        what = f"did you mean {_NEAR[near[0]]}?" if near else f"it reads {', '.join(_KNOWN)}"
        yield Refusal(Reason.UNKNOWN_ANNOTATION, f"{name} is no annotation that ExaLB reads: {what}")
    if len(unknown) > TOLD:
        message = f"and {len(unknown) - TOLD} more annotations are none that ExaLB reads"
        yield Refusal(Reason.UNKNOWN_ANNOTATION, message)


def _unreadable(overrides: AttributeOverrides | None) -> Iterator[Refusal]:
    """Tell of attributes here too: where no advertisement lets the Service have a say, nobody else does."""
    if overrides and overrides.problem:
        yield Refusal(Reason.INVALID_REQUEST, overrides.problem)


def _spelled(ours: str, annotations: Mapping[str, str]) -> list[tuple[str, str]]:
    names = [ours, *(prefix + _METALLB[ours] for prefix in _METALLB_PREFIXES)]
    return [(name, annotations[name]) for name in names if annotations.get(name, "").strip()]


def _agreed(wishes: list[tuple[str, str]], parse: Callable[[str], Value]) -> tuple[Value | None, Refusal | None]:
    """Read one wish in all its spellings, which must mean the same; else return why not."""
    values: list[tuple[str, Value]] = []
    for name, text in wishes:
        try:
            values.append((name, parse(text)))
        except ValueError as error:
            return None, Refusal(Reason.INVALID_REQUEST, f"{name}: {error}")
    for name, value in values[1:]:
        if value != values[0][1]:
            message = f"{values[0][0]} and {name} ask for different things: remove one of them"
            return None, Refusal(Reason.CONTRADICTORY_REQUEST, message)
    return (values[0][1] if values else None), None


def _parse_addresses(text: str) -> tuple[Address, ...]:
    found = [parse_address(part.strip()) for part in text.split(",")]
    if len({address.version for address in found}) != len(found):
        raise ValueError("at most one address per family can be asked for")
    return tuple(sorted(found, key=lambda address: address.version))


def _parse_overrides(annotations: Mapping[str, str]) -> AttributeOverrides | None:
    if not any(name in annotations for name in (COMMUNITIES, LOCAL_PREF, MED, AS_PATH_PREPEND)):
        return None
    try:
        text = annotations.get(COMMUNITIES)
        communities = None
        if text is not None:
            parts = filter(None, (part.strip() for part in text.split(",")))
            communities = tuple(_named(COMMUNITIES, part, read_community) for part in parts)
        return AttributeOverrides(
            communities=communities,
            local_pref=_number(annotations, LOCAL_PREF, 4294967295),
            med=_number(annotations, MED, 4294967295),
            as_path_prepend=_number(annotations, AS_PATH_PREPEND, 16),
        )
    except ValueError as error:
        return AttributeOverrides(problem=str(error))


def _named(name: str, text: str, parse: Callable[[str], Value]) -> Value:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _number(annotations: Mapping[str, str], name: str, highest: int) -> int | None:
    text = annotations.get(name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,10}", text.strip()) or int(text) > highest:
        raise ValueError(f"{name}: {text!r} is not a number from 0 to {highest}")
    return int(text)
