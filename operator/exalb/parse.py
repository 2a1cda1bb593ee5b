"""Kubernetes objects, as the API server sends them, into the values of `cluster`. Pure.

A spec of ours that breaks its schema becomes a value that says so; an object of another kind that is not shaped as
the Kubernetes API says raises `MalformedError`.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import wraps
from ipaddress import ip_address
from typing import Any, ParamSpec, TypeAlias, TypeVar

from exalb.cluster import (
    ConditionState,
    Endpoint,
    EndpointSlice,
    IPFamilyPolicy,
    Key,
    Namespace,
    Node,
    Port,
    Readiness,
    Secret,
    Service,
)
from exalb.requests import parse_request
from exalb_bgp.rib import Address
from exalb_bgp.session import Family, Password

Raw: TypeAlias = Mapping[str, Any]

NOT_YET_CREATED = "9999-12-31T23:59:59Z"
CONDITION = "exalb.io/AddressAssigned"
"""The condition of ours in `Service.status.conditions`."""

_SERVICE_NAME = "kubernetes.io/service-name"
_FAMILIES = {"IPv4": Family.IPV4, "IPv6": Family.IPV6}

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


class MalformedError(ValueError):
    """An object is not shaped as the Kubernetes API says."""


def _well_formed(parse: Callable[Arguments, Value]) -> Callable[Arguments, Value]:
    @wraps(parse)
    def parse_or_say(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Value:
        try:
            return parse(*args, **kwargs)
        except MalformedError:
            raise
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise MalformedError(f"is not shaped as the Kubernetes API says: {error}") from error

    return parse_or_say


def key_of(raw: Raw) -> Key:
    """Return namespace and name of a namespaced object."""
    metadata = raw["metadata"]
    return Key(metadata.get("namespace") or "default", metadata["name"])


@_well_formed
def parse_service(raw: Raw) -> Service:
    """Read a Service (core/v1), with the defaults that the API server would set."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    status = raw.get("status") or {}
    policy = IPFamilyPolicy(spec.get("ipFamilyPolicy") or "SingleStack")
    return Service(
        key=key_of(raw),
        uid=metadata.get("uid", ""),
        created=metadata.get("creationTimestamp") or NOT_YET_CREATED,
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation"),
        labels=_text_map(metadata.get("labels")),
        is_load_balancer=spec.get("type") == "LoadBalancer",
        load_balancer_class=spec.get("loadBalancerClass") or None,
        families=_families(spec, policy),
        policy=policy,
        local_traffic=spec.get("externalTrafficPolicy") == "Local",
        ports=frozenset(Port(port.get("protocol") or "TCP", int(port["port"])) for port in spec.get("ports") or ()),
        selector=tuple(sorted(_text_map(spec.get("selector")).items())),
        request=parse_request(_text_map(metadata.get("annotations")), spec.get("loadBalancerIP") or ""),
        held=_held(status),
        condition=_condition(status),
    )


def _families(spec: Raw, policy: IPFamilyPolicy) -> tuple[Family, ...]:
    given = [_FAMILIES[name] for name in spec.get("ipFamilies") or ()]
    cluster_ips = [ip for ip in spec.get("clusterIPs") or [spec.get("clusterIP")] if ip and ip != "None"]
    if not given:
        given = [_family(ip_address(ip)) for ip in cluster_ips] or [Family.IPV4]
    # A Service that has its cluster IPs has the families that the cluster can give; before that, it has what it asks.
    if not cluster_ips and policy is not IPFamilyPolicy.SINGLE_STACK and len(given) == 1:
        given.append(Family.IPV6 if given[0] is Family.IPV4 else Family.IPV4)
    return tuple(given)


def _family(address: Address) -> Family:
    return Family.IPV4 if address.version == 4 else Family.IPV6


def _text_map(raw: Raw | None) -> dict[str, str]:
    pairs = dict(raw or {})
    if not all(isinstance(value, str) for value in pairs.values()):
        raise MalformedError("has a label or annotation that is not text: put it in quotes")
    return pairs


def _held(status: Raw) -> tuple[Address, ...]:
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    return tuple(dict.fromkeys(ip_address(entry["ip"]) for entry in ingress if entry.get("ip")))


def _condition(status: Raw) -> ConditionState | None:
    for raw in status.get("conditions") or ():
        if raw.get("type") == CONDITION:
            return ConditionState(
                raw.get("status", ""),
                raw.get("reason", ""),
                raw.get("message", ""),
                raw.get("observedGeneration"),
                raw.get("lastTransitionTime", ""),
            )
    return None


@_well_formed
def parse_endpoint_slice(raw: Raw) -> EndpointSlice | None:
    """Read an EndpointSlice (discovery/v1); None where it belongs to no Service."""
    service = _text_map(raw["metadata"].get("labels")).get(_SERVICE_NAME)
    if not service:
        return None
    key = key_of(raw)
    endpoints = (_endpoint(endpoint) for endpoint in raw.get("endpoints") or ())
    return EndpointSlice(
        key=key,
        service=Key(key.namespace, service),
        family=_FAMILIES.get(raw.get("addressType", "IPv4")),
        endpoints=tuple(endpoint for endpoint in endpoints if endpoint),
    )


def _endpoint(raw: Raw) -> Endpoint | None:
    """Apply the API's defaults: `ready` unset is true, `serving` unset is `ready`."""
    addresses = raw.get("addresses") or ()
    conditions = raw.get("conditions") or {}
    ready = conditions.get("ready")
    ready = True if ready is None else bool(ready)
    serving = conditions.get("serving")
    serving = ready if serving is None else bool(serving)
    if not addresses or not (ready or serving):
        return None
    return Endpoint(addresses[0], raw.get("nodeName"), Readiness.READY if ready else Readiness.DRAINING)


@_well_formed
def parse_node(raw: Raw) -> Node:
    """Read a Node (core/v1)."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    by_type: dict[str, list[Address]] = {"InternalIP": [], "ExternalIP": []}
    for entry in status.get("addresses") or ():
        if entry.get("type") in by_type:
            by_type[entry["type"]].append(ip_address(entry["address"]))
    return Node(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        labels=_text_map(metadata.get("labels")),
        addresses=(*by_type["InternalIP"], *by_type["ExternalIP"]),
        internal=tuple(by_type["InternalIP"]),
        network_unavailable=any(
            condition.get("type") == "NetworkUnavailable" and condition.get("status") == "True"
            for condition in status.get("conditions") or ()
        ),
    )


@_well_formed
def parse_namespace(raw: Raw) -> Namespace:
    """Read a Namespace (core/v1); it carries its name as a label, as the API server sets it."""
    name = raw["metadata"]["name"]
    return Namespace(name, {"kubernetes.io/metadata.name": name, **_text_map(raw["metadata"].get("labels"))})


@_well_formed
def parse_secret(raw: Raw) -> Secret:
    """Read a Secret (core/v1): type kubernetes.io/basic-auth, key `password`, 1 to 80 bytes on one line."""
    name = raw["metadata"]["name"]
    if raw.get("type") != "kubernetes.io/basic-auth":
        found = raw.get("type") or "Opaque"
        return Secret(name, None, f"Secret {name} is of type {found}: make it of type kubernetes.io/basic-auth")
    try:
        value = _secret_bytes(raw)
    except ValueError:
        return Secret(name, None, f"Secret {name} has a password that is not base64: write it again")
    if not value:
        return Secret(name, None, f"Secret {name} has no password: set its key 'password'")
    if len(value) > 80:
        return Secret(name, None, f"Secret {name} has a password of {len(value)} bytes: TCP MD5 takes at most 80")
    if any(byte in value for byte in b"\r\n\0"):
        return Secret(name, None, f"Secret {name} has a password with a line break: was it made with a final newline?")
    return Secret(name, Password(value), None)


def _secret_bytes(raw: Raw) -> bytes:
    plain = (raw.get("stringData") or {}).get("password")
    if plain is not None:
        return str(plain).encode()
    return b64decode((raw.get("data") or {}).get("password") or "", validate=True)
