"""A cluster that changes object by object, in a real store."""

from collections import Counter
from collections.abc import Iterable

from exalb.analysis.plan import Plan, plan
from exalb.kube.store import Store
from exalb.model.cluster import Cluster, Key
from exalb.model.kinds import BY_NAME, SERVICE
from exalb.validation.rules import Rules, Validator
from tests.laws.making import identity
from tests.support.objects import Object, assigned, at_version


class World:
    """Objects, and the snapshots that a real store makes of them: each shares unchanged objects with the one before."""

    def __init__(self, objects: Iterable[Object] = ()) -> None:
        self.raws: dict[tuple[str, str, str], Object] = {}
        self._store, self._versions = Store(BY_NAME.values()), Counter[tuple[str, str, str]]()
        self._validator = Validator()
        for raw in objects:
            self.put(raw)

    @property
    def cluster(self) -> Cluster:
        """The present cluster."""
        return self._store.snapshot()

    @property
    def rules(self) -> Rules:
        """The rules of the present cluster, with the memory that programs have."""
        return self._validator.validate(self.cluster)

    def put(self, raw: Object) -> None:
        """Create or replace an object."""
        kind = BY_NAME[raw["kind"]]
        kind.parse(raw)  # raises an error, which a store would only log
        self.raws[identity(raw)] = raw
        self._store.put(kind, self._versioned(raw))

    def remove(self, raw: Object) -> None:
        """Delete an object, where it is there."""
        if self.raws.pop(identity(raw), None):
            self._store.remove(BY_NAME[raw["kind"]], self._versioned(raw))

    def _versioned(self, raw: Object) -> Object:
        """Count versions object by object, so that the order in which objects come is not seen in them."""
        self._versions[identity(raw)] += 1
        return at_version(self._versions[identity(raw)], raw)


def with_held(objects: Iterable[Object], planned: Plan) -> list[Object]:
    """Return the objects as they are once the plan is written into the status of each Service."""
    found = []
    for raw in objects:
        if raw["kind"] != SERVICE.name:
            found.append(raw)
            continue
        key = Key(*SERVICE.key(raw))  # type: ignore[misc]
        ingress = [{"ip": str(address)} for address in planned.held[key]]
        after = {**raw, "status": {"loadBalancer": {"ingress": ingress}}}
        found.append(assigned(after) if key in planned.allocation.outcomes else after)
    return found


def settled(objects: Iterable[Object]) -> list[Object]:
    """Return the objects as they are once everything is given."""
    objects = list(objects)
    return with_held(objects, plan(World(objects).cluster))
