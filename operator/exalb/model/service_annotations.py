"""Reads the requests of a Service: its annotations and `spec.loadBalancerIP`. Pure.

MetalLB's spellings are read as well as ours. If two spellings of one request differ, the request is refused: a guess
could move an address. Annotations of other controllers are not read, and the Service gets a remark that says so.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import TypeVar

from exalb.api.address_ranges import UNUSABLE, parse_address
from exalb.api.advertisement import MAX_COMMUNITIES
from exalb.api.community_values import AnyCommunity, read_community
from exalb.api.reasons import Reason, Refusal
from exalb.api.schema import GROUP
from exalb.model.cluster import AttributeOverrides, Request
from exalb_bgp.rib import Address

ADDRESSES = "exalb.io/addresses"
POOL = "exalb.io/pool"
SHARING_KEY = "exalb.io/sharing-key"
SHARING_NAMESPACES = "exalb.io/sharing-namespaces"
COMMUNITIES = "exalb.io/communities"
LOCAL_PREF = "exalb.io/local-pref"
MED = "exalb.io/med"
AS_PATH_PREPEND = "exalb.io/as-path-prepend"

EVERY_NAMESPACE = "*"
MAX_KEY_LENGTH = 253
MAX_NAMESPACES = 63

_METALLB = {ADDRESSES: "loadBalancerIPs", POOL: "address-pool", SHARING_KEY: "allow-shared-ip"}
_METALLB_PREFIXES = ("metallb.io/", "metallb.universe.tf/")
_METALLB_WRITES = "ip-allocated-from-pool"
"""MetalLB itself adds this annotation to a Service; it requests nothing."""

_OTHERS: Mapping[str, tuple[str, str]] = {
    "io.cilium/lb-ipam-ips": ("Cilium", ADDRESSES),
    "lbipam.cilium.io/ips": ("Cilium", ADDRESSES),
    "io.cilium/lb-ipam-sharing-key": ("Cilium", SHARING_KEY),
    "lbipam.cilium.io/sharing-key": ("Cilium", SHARING_KEY),
    "io.cilium/lb-ipam-sharing-cross-namespace": ("Cilium", SHARING_NAMESPACES),
    "lbipam.cilium.io/sharing-cross-namespace": ("Cilium", SHARING_NAMESPACES),
    "kube-vip.io/loadbalancerIPs": ("kube-vip", ADDRESSES),
    "purelb.io/addresses": ("PureLB", ADDRESSES),
    "purelb.io/service-group": ("PureLB", POOL),
    "purelb.io/allow-shared-ip": ("PureLB", SHARING_KEY),
}
"""Annotations of other controllers that request something, and ours for the same request."""

_OURS = f"{GROUP}/"
_KNOWN = (ADDRESSES, POOL, SHARING_KEY, SHARING_NAMESPACES, COMMUNITIES, LOCAL_PREF, MED, AS_PATH_PREPEND)
_NEAR = {name.removeprefix(_OURS): name for name in _KNOWN} | {
    theirs.lower(): ours for ours, theirs in _METALLB.items()
}
"""Names that people may have meant, without prefix and in lower case, and our annotation for each."""
MAX_NAMED = 5
"""How many unknown annotations are named."""

Value = TypeVar("Value")
_NO_NAMESPACES: frozenset[str] = frozenset()
_NO_REQUEST = Request()


def parse_request(annotations: Mapping[str, str], load_balancer_ip: str) -> Request:
    """Read the requests of a Service; if they are unreadable or contradict each other, the result has a refusal."""
    if not annotations and not load_balancer_ip:
        return _NO_REQUEST
    texts = _spelled(ADDRESSES, annotations)
    if load_balancer_ip:
        texts.append(("spec.loadBalancerIP", load_balancer_ip))
    addresses, no_addresses = _agreed(texts, _parse_addresses)
    pool, no_pool = _agreed(_spelled(POOL, annotations), str.strip)
    sharing_key, no_key = _agreed(_spelled(SHARING_KEY, annotations), _parse_key)
    namespaces, no_namespaces = _agreed(_own(SHARING_NAMESPACES, annotations), _parse_namespaces)
    overrides = _parse_overrides(annotations)
    request = Request(
        addresses=addresses or (),
        pool=pool,
        sharing_key=sharing_key,
        sharing_namespaces=namespaces or _NO_NAMESPACES,
        overrides=overrides,
        problem=no_addresses or no_pool or no_key or no_namespaces,
        remarks=(*_unknown(annotations), *_unreadable(overrides)),
    )
    return _NO_REQUEST if request == _NO_REQUEST else request


def _unknown(annotations: Mapping[str, str]) -> Iterator[Refusal]:
    messages = list(filter(None, map(_unread, sorted(annotations))))
    for message in messages[:MAX_NAMED]:
        yield Refusal(Reason.UNKNOWN_ANNOTATION, message)
    if len(messages) > MAX_NAMED:
        message = f"and {len(messages) - MAX_NAMED} more unknown annotations"
        yield Refusal(Reason.UNKNOWN_ANNOTATION, message)


def _unread(name: str) -> str | None:
    """Say what is wrong with an annotation that looks like a request to us and is not read; None for any other."""
    if name in _OTHERS:
        controller, ours = _OTHERS[name]
        return f"{name} is an annotation of {controller}, which ExaLB does not read: use {ours}"
    prefix = next((prefix for prefix in (_OURS, *_METALLB_PREFIXES) if name.startswith(prefix)), None)
    if prefix is None or name in _KNOWN:
        return None
    bare = name.removeprefix(prefix)
    if prefix != _OURS and bare in (*_METALLB.values(), _METALLB_WRITES):
        return None
    near = get_close_matches(bare.lower(), _NEAR, n=1)
    if not near:
        unread = f"unknown annotation {name}: known are {', '.join(_KNOWN)}"
        return unread if prefix == _OURS else None
    meant = _NEAR[near[0]]
    if prefix != _OURS and meant in _METALLB:
        meant = prefix + _METALLB[meant]
    return f"unknown annotation {name}: did you mean {meant}?"


def _unreadable(overrides: AttributeOverrides | None) -> Iterator[Refusal]:
    """Report unreadable attributes here too: without an advertisement that allows them, nothing else reports them."""
    if overrides and overrides.problem:
        yield Refusal(Reason.INVALID_REQUEST, overrides.problem)


def _own(name: str, annotations: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, annotations[name])] if annotations.get(name, "").strip() else []


def _spelled(ours: str, annotations: Mapping[str, str]) -> list[tuple[str, str]]:
    names = [ours, *(prefix + _METALLB[ours] for prefix in _METALLB_PREFIXES)]
    return [text for name in names for text in _own(name, annotations)]


def _agreed(texts: list[tuple[str, str]], parse: Callable[[str], Value]) -> tuple[Value | None, Refusal | None]:
    """Read one request in all its spellings, which must mean the same; else return a refusal."""
    values: list[tuple[str, Value]] = []
    for name, text in texts:
        try:
            values.append((name, parse(text)))
        except ValueError as error:
            return None, Refusal(Reason.INVALID_REQUEST, f"{name}: {error}")
    for name, value in values[1:]:
        if value != values[0][1]:
            message = f"{values[0][0]} and {name} request different values: remove one of them"
            return None, Refusal(Reason.CONTRADICTORY_REQUEST, message)
    return (values[0][1] if values else None), None


def _parse_addresses(text: str) -> tuple[Address, ...]:
    addresses = [parse_address(part.strip()) for part in text.split(",")]
    for address in addresses:
        block = next((block for block in UNUSABLE if address in block), None)
        if block:
            raise ValueError(
                f"{address} is of {block}, which no Service can use: request an address of an IPAddressPool"
            )
    if len({address.version for address in addresses}) != len(addresses):
        raise ValueError("requests two addresses of one family: request at most one per family")
    return tuple(sorted(addresses, key=lambda address: address.version))


def _parse_key(text: str) -> str:
    key = text.strip()
    if len(key) > MAX_KEY_LENGTH:
        raise ValueError(f"has {len(key)} characters: use at most {MAX_KEY_LENGTH}")
    return key


def _parse_namespaces(text: str) -> frozenset[str]:
    """Read the names of namespaces; `*` means every namespace, and then no other name matters."""
    names = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if EVERY_NAMESPACE in names:
        return frozenset([EVERY_NAMESPACE])
    wrong = min((name for name in names if not re.fullmatch("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)), default=None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is not the name of a namespace: write names with commas between them, or *")
    if len(names) > MAX_NAMESPACES:
        raise ValueError(f"has {len(names)} names: use at most {MAX_NAMESPACES}, or *")
    return names


def _parse_overrides(annotations: Mapping[str, str]) -> AttributeOverrides | None:
    if not any(name in annotations for name in (COMMUNITIES, LOCAL_PREF, MED, AS_PATH_PREPEND)):
        return None
    try:
        return AttributeOverrides(
            communities=_communities(annotations.get(COMMUNITIES)),
            local_pref=_number(annotations, LOCAL_PREF, 4294967295),
            med=_number(annotations, MED, 4294967295),
            as_path_prepend=_number(annotations, AS_PATH_PREPEND, 16),
        )
    except ValueError as error:
        return AttributeOverrides(problem=str(error))


def _communities(text: str | None) -> tuple[AnyCommunity | str, ...] | None:
    if text is None:
        return None
    parts = [part for part in map(str.strip, text.split(",")) if part]
    if len(parts) > MAX_COMMUNITIES:
        raise ValueError(f"{COMMUNITIES}: {len(parts)} communities, and a route may have at most {MAX_COMMUNITIES}")
    return tuple(_value_of(COMMUNITIES, part, read_community) for part in parts)


def _value_of(name: str, text: str, parse: Callable[[str], Value]) -> Value:
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
