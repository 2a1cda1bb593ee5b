"""Kubernetes objects, as the API server sends them, into the values of `cluster`. Pure.

A spec of ours that breaks its schema becomes a value that says so; an object of another kind that is not shaped as
the Kubernetes API says raises `MalformedError`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from ipaddress import ip_network
from typing import Any, ParamSpec, TypeAlias, TypeVar

from exalb.api.address_ranges import AddressRange, parse_address, readable_ranges
from exalb.api.reasons import ConditionType
from exalb.model.cluster import (
    NOTHING,
    ConditionState,
    Endpoint,
    EndpointSlice,
    IPFamilyPolicy,
    Key,
    Namespace,
    Node,
    Readiness,
    Service,
    ServiceRange,
)
from exalb.model.node_lifecycle import parse_lifecycle
from exalb.model.ports import Port
from exalb.model.service_annotations import parse_request
from exalb.model.shared_values import shared_endpoint_ports, shared_key, shared_ports, shared_text
from exalb_bgp.rib import Address
from exalb_bgp.session import FAMILIES, Family

Raw: TypeAlias = Mapping[str, Any]

NOT_YET_CREATED = "9999-12-31T23:59:59Z"
CONDITION = ConditionType.ADDRESS_ASSIGNED.value
"""The condition of ours in `Service.status.conditions`."""
UNDERSTOOD = ConditionType.ANNOTATIONS_VALID.value
"""Another one, which is there only while some annotation is not understood."""
RECORD = ConditionType.ADDRESS_RECORD.value
"""The condition that records, for ExaLB itself, which addresses it assigned."""

LONGEST_VALUE = 255
"""Longer annotations of a Node are ignored: they hold no address and no number."""

_SERVICE_NAME = "kubernetes.io/service-name"
HEADLESS = "service.kubernetes.io/headless"
"""The label of slices of Services that have no address."""

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")


class MalformedError(ValueError):
    """An object is not shaped as the Kubernetes API says."""


def well_formed(parse: Callable[Arguments, Value]) -> Callable[Arguments, Value]:
    """Have a parser raise MalformedError alone."""

    @wraps(parse)
    def parse_or_say(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Value:
        try:
            return parse(*args, **kwargs)
        except MalformedError:
            raise
        except KeyError as error:
            raise MalformedError(f"is not shaped as the Kubernetes API says: {error} is missing or unknown") from error
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise MalformedError(f"is not shaped as the Kubernetes API says: {error}") from error

    return parse_or_say


def key_of(raw: Raw) -> Key:
    """Return namespace and name of a namespaced object."""
    metadata = raw["metadata"]
    return shared_key(text(metadata.get("namespace")) or "default", metadata["name"])


def text(value: object) -> str:
    """Return what must be text; unset is the empty one, as with the API server. Raise MalformedError."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise MalformedError(f"is not shaped as the Kubernetes API says: {value!r} is not text: put it in quotes")


def text_map(raw: Raw | None) -> Mapping[str, str]:
    """Return labels, annotations or a selector. Raise MalformedError."""
    if raw is None:
        return NOTHING
    if not isinstance(raw, (dict, Mapping)):  # a dict is known at once, and nearly all are
        raise MalformedError(f"is not shaped as the Kubernetes API says: {raw!r} is no map of text to text")
    return {text(key): text(value) for key, value in raw.items()} if raw else NOTHING


def created(metadata: Raw) -> str:
    """Return when an object was made, as text that sorts by time; objects not made yet come last."""
    return text(metadata.get("creationTimestamp")) or NOT_YET_CREATED


@well_formed
def parse_service(raw: Raw) -> Service:
    """Read a Service (core/v1), with the defaults that the API server would set."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    status = raw.get("status") or {}
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    policy = IPFamilyPolicy(spec.get("ipFamilyPolicy") or "SingleStack")
    return Service(
        key=key_of(raw),
        uid=metadata.get("uid", ""),
        created=shared_text(created(metadata)),
        resource_version=metadata.get("resourceVersion", ""),
        generation=metadata.get("generation"),
        labels=text_map(metadata.get("labels")),
        is_load_balancer=spec.get("type") == "LoadBalancer",
        load_balancer_class=text(spec.get("loadBalancerClass")) or None,
        families=_families(spec, policy),
        policy=policy,
        local_traffic=spec.get("externalTrafficPolicy") == "Local",
        ports=shared_ports(frozenset(_port(port) for port in spec.get("ports") or ())),
        endpoint_ports=shared_endpoint_ports(tuple(map(_endpoint_port, spec.get("ports") or ()))),
        selector=tuple(sorted(text_map(spec.get("selector")).items())),
        request=parse_request(text_map(metadata.get("annotations")), text(spec.get("loadBalancerIP"))),
        held=_unique(entry.get("ip") for entry in ingress),
        condition=_condition(status, CONDITION),
        remark=_condition(status, UNDERSTOOD),
        record=_condition(status, RECORD),
        announced=_condition(status, ConditionType.ANNOUNCED.value),
        has_hostname=any(entry.get("hostname") for entry in ingress),
        is_deleted=bool(metadata.get("deletionTimestamp")),
        external_ips=_unique(spec.get("externalIPs") or ()),
        cluster_ips=_unique(_cluster_ips(spec)),
        health_check_port=spec.get("healthCheckNodePort") or None,
    )


def _port(raw: Raw) -> Port:
    number = raw["port"]
    if not isinstance(number, int):
        raise MalformedError(f"is not shaped as the Kubernetes API says: {number!r} is not the number of a port")
    return Port(text(raw.get("protocol")) or "TCP", number)


def _endpoint_port(raw: Raw) -> tuple[str, str]:
    """Return the name and the protocol of a port."""
    return text(raw.get("name")), text(raw.get("protocol")) or "TCP"


def _families(spec: Raw, policy: IPFamilyPolicy) -> tuple[Family, ...]:
    named = [FAMILIES[name] for name in spec.get("ipFamilies") or ()]
    cluster_ips = _cluster_ips(spec)
    found = list(dict.fromkeys([*named, *(Family.of(parse_address(text(ip))) for ip in cluster_ips)])) or [Family.IPV4]
    # A policy of one family takes the second away, as when it is changed to that; a Service that has its cluster IPs
    # has the families that the cluster can give, and before that what it asks for.
    if spec.get("ipFamilyPolicy") and policy is IPFamilyPolicy.SINGLE_STACK:
        return (found[0],)
    is_open = policy is IPFamilyPolicy.PREFER_DUAL_STACK and not cluster_ips
    if len(found) == 1 and (is_open or policy is IPFamilyPolicy.REQUIRE_DUAL_STACK):
        found.append(Family.IPV6 if found[0] is Family.IPV4 else Family.IPV4)
    return tuple(found)


def _cluster_ips(spec: Raw) -> list[Any]:
    return [ip for ip in spec.get("clusterIPs") or [spec.get("clusterIP")] if ip and ip != "None"]


def _unique(texts: Iterable[object]) -> tuple[Address, ...]:
    return tuple(dict.fromkeys(_addresses(texts)))


def _addresses(texts: Iterable[object]) -> Iterator[Address]:
    """Read what others wrote into a status; what is no address there leads nowhere and is passed over."""
    for each in texts:
        try:
            yield parse_address(text(each))
        except ValueError:
            continue


_CONDITION_TEXTS = ("status", "reason", "message", "lastTransitionTime")


def _condition(status: Raw, kind: str) -> ConditionState | None:
    for raw in status.get("conditions") or ():
        if raw.get("type") == kind:
            status_text, reason, message, since = (shared_text(text(raw.get(name, ""))) for name in _CONDITION_TEXTS)
            return ConditionState(status_text, reason, message, raw.get("observedGeneration"), since)
    return None


@well_formed
def parse_endpoint_slice(raw: Raw) -> EndpointSlice | None:
    """Read an EndpointSlice (discovery/v1); None where it belongs to no Service that could have an address."""
    labels = text_map(raw["metadata"].get("labels"))
    service = labels.get(_SERVICE_NAME)
    if not service or HEADLESS in labels:
        return None
    key = key_of(raw)
    return EndpointSlice(
        key=key,
        service=shared_key(key.namespace, service),
        family=FAMILIES.get(raw.get("addressType", "IPv4")),
        ports=shared_endpoint_ports(
            tuple([_endpoint_port(port) for port in raw.get("ports") or () if port.get("port")])
        ),
        endpoints=tuple(filter(None, map(_endpoint, raw.get("endpoints") or ()))),
    )


def _endpoint(raw: Raw) -> Endpoint | None:
    """Apply the API's defaults: `ready` unset is true, `serving` unset is `ready`."""
    addresses = raw.get("addresses") or ()
    conditions = raw.get("conditions") or {}
    ready = _flag(conditions.get("ready"), default=True)
    serving = _flag(conditions.get("serving"), default=ready)
    if not addresses or not (ready or serving):
        return None
    readiness = Readiness.READY if ready else Readiness.DRAINING
    return Endpoint(text(addresses[0]), shared_text(text(raw.get("nodeName"))) or None, readiness)


def _flag(value: object, *, default: bool) -> bool:
    if value is None:
        return default
    if not isinstance(value, bool):
        raise MalformedError(f"is not shaped as the Kubernetes API says: {value!r} is neither true nor false")
    return value


@well_formed
def parse_service_cidr(raw: Raw) -> ServiceRange:
    """Read a ServiceCIDR (networking.k8s.io/v1, Kubernetes 1.33 and later)."""
    cidrs = (raw.get("spec") or {}).get("cidrs") or ()
    return ServiceRange(raw["metadata"]["name"], tuple(AddressRange.of(ip_network(text(cidr))) for cidr in cidrs))


@well_formed
def parse_node(raw: Raw) -> Node:
    """Read a Node (core/v1)."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    entries = [(entry.get("type"), entry.get("address")) for entry in status.get("addresses") or ()]
    internal, external = (
        tuple(_addresses(address for kind, address in entries if kind == wanted))
        for wanted in ("InternalIP", "ExternalIP")
    )
    return Node(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        labels=text_map(metadata.get("labels")),
        annotations={
            key: value for key, value in text_map(metadata.get("annotations")).items() if len(value) <= LONGEST_VALUE
        },
        addresses=(*internal, *external),
        internal=internal,
        network_unavailable=any(
            condition.get("type") == "NetworkUnavailable" and condition.get("status") == "True"
            for condition in status.get("conditions") or ()
        ),
        lifecycle=parse_lifecycle(raw),
        pod_ranges=readable_ranges((raw.get("spec") or {}).get("podCIDRs") or ()),
    )


@well_formed
def parse_namespace(raw: Raw) -> Namespace:
    """Read a Namespace (core/v1); it carries its name as a label, as the API server sets it."""
    name = raw["metadata"]["name"]
    return Namespace(name, {**text_map(raw["metadata"].get("labels")), "kubernetes.io/metadata.name": name})
