"""What a Service asks for in its annotations and in `spec.loadBalancerIP`. Pure.

MetalLB's spellings are read beside ours. Where two spellings of one wish differ, the wish is refused: guessing which
one was meant could move an address.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from exalb.addresses import parse_address
from exalb.cluster import AttributeOverrides, Request
from exalb.communities import read_community
from exalb.reasons import Reason, Refusal
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
    return Request(addresses or (), pool, sharing_key, overrides, problem=no_addresses or no_pool or no_key)


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
