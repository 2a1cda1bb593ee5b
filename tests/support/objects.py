"""Kubernetes objects as in a manifest, and the plans of ExaLB for them in a short form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from exalb.analysis.plan import plan
from exalb.analysis.plan_json import to_json
from exalb.kube.manifests import snapshot_of
from exalb.model.address_record import record_condition
from exalb.model.parse_core import CONDITION, RECORD, parse_service
from tests.support import specs

Object: TypeAlias = dict[str, Any]
Strings: TypeAlias = Mapping[str, str]


def made(day: int) -> str:
    """Return the creationTimestamp of an object made on a day of January."""
    return f"2026-01-{day:02}T08:00:00Z"


def _object(api: str, kind: str, name: str, **more: Any) -> Object:
    """Leave out fields that are None."""
    metadata = {"name": name, **{key: more.pop(key, None) for key in ("namespace", "labels", "annotations")}}
    day = more.pop("day", None)
    metadata["creationTimestamp"] = day and made(day)
    raw = {"apiVersion": api, "kind": kind, "metadata": {key: value for key, value in metadata.items() if value}}
    return raw | {key: value for key, value in more.items() if value is not None}


def service(
    name: str = "web",
    *held: str,
    labels: Any = None,
    annotations: Any = None,
    day: Any = None,
    **spec: Any,
) -> Object:
    """Return a Service of type LoadBalancer; `name` may be `namespace/name`, `held` are the addresses in its status."""
    namespace, _, name = name.rpartition("/")
    status = {"loadBalancer": {"ingress": [{"ip": ip} for ip in held]}} if held else None
    metadata = {"namespace": namespace, "labels": labels, "annotations": annotations}
    return _object("v1", "Service", name, **metadata, day=day, spec={"type": "LoadBalancer", **spec}, status=status)


def assigned(raw: Object, message: str = "", **before: Any) -> Object:
    """Return a Service with the marks of ExaLB at the addresses in its status.

    `before` are fields of the Service that were other when ExaLB assigned them.
    """
    then = parse_service({**raw, **{key: {**raw.get(key, {}), **value} for key, value in before.items()}})
    record = record_condition(then, then.held)
    message = message or " and ".join(f"{address} from pool main" for address in then.held)
    conditions = [condition(CONDITION, "True", "Assigned", message)]
    conditions += [condition(RECORD, record.status, record.reason, record.message)] if record else []
    return {**raw, "status": {**raw["status"], "conditions": conditions}}


def assigned_service(name: str, *held: str, **more: Any) -> Object:
    """Return a Service of type LoadBalancer to which ExaLB has assigned the addresses in its status."""
    return assigned(service(name, *held, **more))


def condition(kind: str, status: str, reason: str, message: str) -> Object:
    """Return a condition that was written on the first day."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": made(1)}


def wants(**annotations: str) -> dict[str, str]:
    """Return annotations of ExaLB: `sharing_key` is `exalb.io/sharing-key`."""
    return {f"exalb.io/{key.replace('_', '-')}": value for key, value in annotations.items()}


def pool(name: str, *addresses: str, labels: Any = None, day: Any = None, **spec: Any) -> Object:
    """Return an IPAddressPool."""
    spec = {"addresses": list(addresses), **spec}
    return _object("exalb.io/v1beta1", "IPAddressPool", name, labels=labels, day=day, spec=spec)


def peer(name: str = "tor", labels: Any = None, day: Any = None, **spec: Any) -> Object:
    """Return a BGPPeer: an eBGP neighbour at 203.0.113.1 unless said otherwise."""
    return _object("exalb.io/v1beta1", "BGPPeer", name, labels=labels, day=day, spec=specs.peer(**spec))


def advertisement(name: str = "all", day: Any = None, **spec: Any) -> Object:
    """Return a BGPAdvertisement."""
    return _object("exalb.io/v1beta1", "BGPAdvertisement", name, day=day, spec=spec)


def l2_advertisement(name: str = "lan", day: Any = None, **spec: Any) -> Object:
    """Return an L2Advertisement."""
    return _object("exalb.io/v1beta1", "L2Advertisement", name, day=day, spec=spec)


def l2_speaker(name: str, *addresses: str, interface: str = "eth0", **status: Any) -> Object:
    """Return the BGPSpeaker of a node with L2, which has these addresses on one interface."""
    number = int(name.lstrip("n"))
    on = {"name": interface, "mac": f"02:00:00:00:00:{number:02x}", "addresses": list(addresses)}
    l2 = {"connected": True, "interfaces": [on], **status.pop("l2", {})}
    return _object("exalb.io/v1beta1", "BGPSpeaker", name, status={"l2": l2, "heartbeat": made(1), **status})


def community(name: str = "names", day: Any = None, **names: str) -> Object:
    """Return a Community that gives `names` their values."""
    spec = {"communities": [{"name": key, "value": value} for key, value in names.items()]}
    return _object("exalb.io/v1beta1", "Community", name, day=day, spec=spec)


def node(
    name: str = "n1",
    *internal: str,
    external: Any = (),
    unavailable: Any = None,
    ready: Any = None,
    taints: Any = None,
    cordoned: Any = None,
    annotations: Any = None,
    **labels: str,
) -> Object:
    """Return a Node; `unavailable` is the status of its condition NetworkUnavailable, `ready` its condition Ready."""
    addresses = [("InternalIP", text) for text in internal] + [("ExternalIP", text) for text in external]
    conditions = [{"type": "NetworkUnavailable", "status": unavailable}] if unavailable else []
    conditions += [{"type": "Ready", **ready}] if ready else []
    status = {
        "addresses": [{"type": kind, "address": address} for kind, address in addresses],
        "conditions": conditions or None,
    }
    spec = {"taints": taints, "unschedulable": cordoned} if taints or cordoned else None
    return _object("v1", "Node", name, labels=labels, annotations=annotations, spec=spec, status=status)


def namespace(name: str, **labels: str) -> Object:
    """Return a Namespace."""
    return _object("v1", "Namespace", name, labels=labels)


def service_cidr(*cidrs: str, name: str = "kubernetes") -> Object:
    """Return a ServiceCIDR."""
    return _object("networking.k8s.io/v1", "ServiceCIDR", name, spec={"cidrs": list(cidrs)})


def endpoint(address: str = "10.88.1.2", on: str | None = "n1", **conditions: Any) -> Object:
    """Return one endpoint of an EndpointSlice."""
    return {"addresses": [address], "conditions": conditions, "nodeName": on}


UNNAMED = ({"port": 8080, "protocol": "TCP"},)
"""The ports of an EndpointSlice whose Service has one port, without a name."""


def endpoints(of: str = "web", *entries: Object, family: str = "IPv4", name: str = "", ports: Any = UNNAMED) -> Object:
    """Return an EndpointSlice of the Service `of`, with one ready endpoint on n1 by default."""
    home, _, of = of.rpartition("/")
    named = {"labels": {"kubernetes.io/service-name": of}, "namespace": home}
    address = "10.88.1.2" if family == "IPv4" else "fd00:88:1::2"
    found = list(entries) or [endpoint(address)]
    name = name or f"{of}-{family.lower()}"
    return _object(
        "discovery.k8s.io/v1", "EndpointSlice", name, **named, addressType=family, ports=list(ports), endpoints=found
    )


def secret(
    name: str = "key",
    password: Any = "s3cret",  # noqa: S107
    *,
    kind: Any = "kubernetes.io/basic-auth",
    **more: Any,
) -> Object:
    """Return a Secret in ExaLB's own namespace."""
    plain = None if password is None else {"password": password}
    return _object("v1", "Secret", name, **{"namespace": "exalb-system", "type": kind, "stringData": plain, **more})


def at_version(version: int, raw: Object) -> Object:
    """Return the object as the API server has it at this resourceVersion."""
    return {**raw, "metadata": {**raw["metadata"], "resourceVersion": str(version)}}


def planned(*objects: Object) -> dict[str, Any]:
    """Return the plan for the objects, as `exalb plan -o json` prints it."""
    return to_json(plan(*snapshot_of(objects, "exalb-system")))


def addresses(*objects: Object) -> dict[str, str]:
    """Return the result of each Service: `198.51.100.1`, `PoolExhausted`, or `198.51.100.1 but PoolDisabled`."""
    found = {}
    for service in planned(*objects)["services"]:
        name = service["name"] if service["namespace"] == "default" else f"{service['namespace']}/{service['name']}"
        found[name] = " but ".join(filter(None, (" ".join(service["addresses"]), service["reason"])))
    return found


def invalid(*objects: Object) -> dict[str, str]:
    """Return the errors: `BGPPeer tor spec.peerAddress` and the message."""
    return {
        f"{error['kind']} {error['name']} {error['field']}": error["message"] for error in planned(*objects)["invalid"]
    }


@dataclass(frozen=True, slots=True)
class Row:
    """Objects, the result of each Service (as `addresses` returns it), and a part of some message."""

    id: str
    objects: list[Object]
    gets: Strings
    says: str = ""


def check(row: Row) -> None:
    """Compare a plan with a row; the order of the objects must not matter."""
    assert addresses(*row.objects) == dict(row.gets)
    assert addresses(*reversed(row.objects)) == dict(row.gets)
    messages = [str(service["message"]) for service in planned(*row.objects)["services"]]
    assert not row.says or any(row.says in message for message in messages), messages


def announcements(*objects: Object) -> dict[str, list[str]]:
    """Return the routes of each node and peer: `198.51.100.7/32 med=5 64512:1`.

    A withheld route has its reason: `198.51.100.7/32 NoReadyEndpoints`.
    """
    return {
        f"{node['name']} {session['peer']}": [
            *(" ".join([route["prefix"], *_attributes(route)]) for route in session["routes"]),
            *(f"{held['prefix']} {held['reason']}" for held in session["withheld"]),
        ]
        for node in planned(*objects)["nodes"]
        for session in node["sessions"]
    }


def _attributes(route: Object) -> list[str]:
    said = [f"{key}={route[key]}" for key in ("localPref", "med") if route[key] is not None]
    said += [f"via={route['nextHop']}"] if route["nextHop"] != "self" else []
    said += [f"prepend={route['asPathPrepend']}"] if route["asPathPrepend"] else []
    large = (f"large:{community}" for community in route["largeCommunities"])
    return [*said, *route["communities"], *large, *route["extendedCommunities"]]
