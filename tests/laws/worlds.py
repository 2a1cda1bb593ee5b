"""A cluster that changes object by object, so that two pictures share what did not change, as with a real store."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from exalb.cluster import Cluster, EndpointSlice, Key
from exalb.kinds import (
    ADVERTISEMENT,
    BY_NAME,
    COMMUNITY,
    ENDPOINT_SLICE,
    NAMESPACE,
    NODE,
    PEER,
    POOL,
    SERVICE,
    SERVICE_CIDR,
    SPEAKER,
)
from exalb.planning import Plan, plan
from tests.laws.making import identity
from tests.unit.objects import Object

FIELDS = {
    SERVICE.name: "services",
    NODE.name: "nodes",
    NAMESPACE.name: "namespaces",
    POOL.name: "pools",
    PEER.name: "peers",
    ADVERTISEMENT.name: "advertisements",
    COMMUNITY.name: "communities",
    SERVICE_CIDR.name: "service_ranges",
    SPEAKER.name: "speakers",
}


class World:
    """Objects, and the picture that they make."""

    def __init__(self, objects: Iterable[Object] = ()) -> None:
        self.raws: dict[tuple[str, str, str], Object] = {}
        self._slices: dict[Key, EndpointSlice] = {}
        self._tables: dict[str, Mapping[Any, Any]] = {}
        self.cluster = Cluster()
        for raw in objects:
            self.put(raw)

    def put(self, raw: Object) -> None:
        """Make or replace an object."""
        kind = BY_NAME[raw["kind"]]
        self.raws[identity(raw)] = raw
        self._set(kind.name, kind.key(raw), kind.parse(raw))

    def remove(self, raw: Object) -> None:
        """Delete an object, where it is there."""
        if self.raws.pop(identity(raw), None):
            kind = BY_NAME[raw["kind"]]
            self._set(kind.name, kind.key(raw), None)

    def _set(self, kind: str, key: Any, value: Any) -> None:
        if kind == ENDPOINT_SLICE.name:
            self._set_slice(key, value)
            return
        table = {**getattr(self.cluster, FIELDS[kind])}
        table.pop(key, None)
        if value is not None:
            table[key] = value
        change: dict[str, Any] = {FIELDS[kind]: table}
        self.cluster = replace(self.cluster, **change)

    def _set_slice(self, key: Key, value: EndpointSlice | None) -> None:
        old = self._slices.pop(key, None)
        if value:
            self._slices[key] = value
        slices = dict(self.cluster.slices)
        for service in {one.service for one in (old, value) if one}:
            members = [one for _, one in sorted(self._slices.items()) if one.service == service]
            slices.pop(service, None)
            if members:
                slices[service] = tuple(members)
        self.cluster = replace(self.cluster, slices=slices)


def with_held(objects: Iterable[Object], planned: Plan) -> list[Object]:
    """Return the objects as they are once the plan is written into the status of each Service."""
    found = []
    for raw in objects:
        if raw["kind"] != SERVICE.name:
            found.append(raw)
            continue
        held = planned.held[Key(*SERVICE.key(raw))]  # type: ignore[misc]
        ingress = [{"ip": str(address)} for address in held]
        found.append({**raw, "status": {"loadBalancer": {"ingress": ingress}}})
    return found


def settled(objects: Iterable[Object]) -> list[Object]:
    """Return the objects as they are once everything is given."""
    objects = list(objects)
    return with_held(objects, plan(World(objects).cluster))
