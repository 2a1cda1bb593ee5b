"""Kubernetes objects as a person would write them, and what ExaLB plans with them, in a form that reads at a glance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from exalb.manifests import picture
from exalb.planning import plan, to_json

Object: TypeAlias = dict[str, Any]
Strings: TypeAlias = Mapping[str, str]


def made(day: int) -> str:
    """Return the creationTimestamp of an object made on a day of January."""
    return f"2026-01-{day:02}T08:00:00Z"


def _object(api: str, kind: str, name: str, **more: Any) -> Object:
    """Leave out what is not given, as a person would."""
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
    """Return a Service of type LoadBalancer; `name` may be `namespace/name`, `held` is what its status has."""
    namespace, _, name = name.rpartition("/")
    status = {"loadBalancer": {"ingress": [{"ip": ip} for ip in held]}} if held else None
    metadata = {"namespace": namespace, "labels": labels, "annotations": annotations}
    return _object("v1", "Service", name, **metadata, day=day, spec={"type": "LoadBalancer", **spec}, status=status)


def wants(**annotations: str) -> dict[str, str]:
    """Return annotations of ExaLB: `sharing_key` is `exalb.io/sharing-key`."""
    return {f"exalb.io/{key.replace('_', '-')}": value for key, value in annotations.items()}


def pool(name: str, *addresses: str, labels: Any = None, day: Any = None, **spec: Any) -> Object:
    """Return an IPAddressPool."""
    spec = {"addresses": list(addresses), **spec}
    return _object("exalb.io/v1beta1", "IPAddressPool", name, labels=labels, day=day, spec=spec)


def peer(name: str = "tor", labels: Any = None, day: Any = None, **spec: Any) -> Object:
    """Return a BGPPeer: an eBGP neighbour at 203.0.113.1 unless said otherwise."""
    spec = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.1", **spec}
    return _object("exalb.io/v1beta1", "BGPPeer", name, labels=labels, day=day, spec=spec)


def advertisement(name: str = "all", day: Any = None, **spec: Any) -> Object:
    """Return a BGPAdvertisement."""
    return _object("exalb.io/v1beta1", "BGPAdvertisement", name, day=day, spec=spec)


def community(name: str = "names", day: Any = None, **names: str) -> Object:
    """Return a Community that gives `names` their values."""
    spec = {"communities": [{"name": key, "value": value} for key, value in names.items()]}
    return _object("exalb.io/v1beta1", "Community", name, day=day, spec=spec)


def node(
    name: str = "n1",
    *internal: str,
    external: Any = (),
    unavailable: Any = None,
    annotations: Any = None,
    **labels: str,
) -> Object:
    """Return a Node; `unavailable` is the status of its condition NetworkUnavailable."""
    addresses = [("InternalIP", one) for one in internal] + [("ExternalIP", one) for one in external]
    status = {
        "addresses": [{"type": kind, "address": address} for kind, address in addresses],
        "conditions": [{"type": "NetworkUnavailable", "status": unavailable}] if unavailable else None,
    }
    return _object("v1", "Node", name, labels=labels, annotations=annotations, status=status)


def namespace(name: str, **labels: str) -> Object:
    """Return a Namespace."""
    return _object("v1", "Namespace", name, labels=labels)


def service_cidr(*cidrs: str, name: str = "kubernetes") -> Object:
    """Return a ServiceCIDR."""
    return _object("networking.k8s.io/v1", "ServiceCIDR", name, spec={"cidrs": list(cidrs)})


def endpoint(address: str = "10.88.1.2", on: str | None = "n1", **conditions: Any) -> Object:
    """Return one endpoint of an EndpointSlice."""
    return {"addresses": [address], "conditions": conditions, "nodeName": on}


def endpoints(of: str = "web", *entries: Object, family: str = "IPv4", name: str = "") -> Object:
    """Return an EndpointSlice of the Service `of`, with one ready endpoint on n1 unless said otherwise."""
    home, _, of = of.rpartition("/")
    named = {"labels": {"kubernetes.io/service-name": of}, "namespace": home}
    address = "10.88.1.2" if family == "IPv4" else "fd00:88:1::2"
    found = list(entries) or [endpoint(address)]
    name = name or f"{of}-{family.lower()}"
    return _object("discovery.k8s.io/v1", "EndpointSlice", name, **named, addressType=family, endpoints=found)


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


def planned(*objects: Object) -> dict[str, Any]:
    """Return the plan for the objects, as `exalb plan -o json` prints it."""
    return to_json(plan(*picture(objects, "exalb-system")))


def addresses(*objects: Object) -> dict[str, str]:
    """Return what each Service gets: `198.51.100.1`, `PoolExhausted`, or `198.51.100.1 but PoolDisabled`."""
    found = {}
    for one in planned(*objects)["services"]:
        name = one["name"] if one["namespace"] == "default" else f"{one['namespace']}/{one['name']}"
        found[name] = " but ".join(filter(None, (" ".join(one["addresses"]), one["reason"])))
    return found


def invalid(*objects: Object) -> dict[str, str]:
    """Return what is invalid: `BGPPeer tor spec.peerAddress` and the sentence."""
    return {f"{one['kind']} {one['name']} {one['field']}": one["message"] for one in planned(*objects)["invalid"]}


@dataclass(frozen=True, slots=True)
class Row:
    """Objects, what each Service gets (as `addresses` tells it), and what some message says."""

    id: str
    objects: list[Object]
    gets: Strings
    says: str = ""


def check(row: Row) -> None:
    """Hold a plan to a row; what is planned once is settled, whatever the order of the objects."""
    assert addresses(*row.objects) == dict(row.gets)
    assert addresses(*reversed(row.objects)) == dict(row.gets)
    messages = [str(one["message"]) for one in planned(*row.objects)["services"]]
    assert not row.says or any(row.says in message for message in messages), messages


def tells(*objects: Object) -> dict[str, list[str]]:
    """Return what each node tells each peer: `198.51.100.7/32 med=5 64512:1`, or `198.51.100.7/32 NoReadyEndpoints`."""
    return {
        f"{one['name']} {session['peer']}": [
            *(" ".join([route["prefix"], *_attributes(route)]) for route in session["routes"]),
            *(f"{held['prefix']} {held['reason']}" for held in session["withheld"]),
        ]
        for one in planned(*objects)["nodes"]
        for session in one["sessions"]
    }


def _attributes(route: Object) -> list[str]:
    said = [f"{key}={route[key]}" for key in ("localPref", "med") if route[key] is not None]
    said += [f"via={route['nextHop']}"] if route["nextHop"] != "self" else []
    said += [f"prepend={route['asPathPrepend']}"] if route["asPathPrepend"] else []
    large = (f"large:{one}" for one in route["largeCommunities"])
    return [*said, *route["communities"], *large, *route["extendedCommunities"]]
