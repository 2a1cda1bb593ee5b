"""The newest version of every object, parsed once on arrival, and snapshots of all of them.

Objects arrive from watches, lists and write responses. The resourceVersion decides which is newer, so the order of
arrival does not matter, and deleted objects stay deleted:

- an object replaces an older one of its key, never a newer one;
- a list removes what it does not hold and is not newer than itself, and from then on nothing older than the list
  comes back;
- the answer to a write changes an object that is there, and never adds one: the watch does that.

(Kubernetes promises this order since 1.35, and etcd has always given it. A server restored from a backup counts from
an earlier number; such a list replaces all.)
"""

import asyncio
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

import structlog

from exalb.kube.change_event import ChangeEvent
from exalb.kube.client import Json
from exalb.kube.watch_ages import WatchAges
from exalb.model.cluster import Cluster, EndpointSlice, Key, ServiceFamily
from exalb.model.kinds import ENDPOINT_SLICE, SECRET, SERVICE, Kind
from exalb.model.local_node import LocalNode
from exalb.model.parse_core import MalformedError
from exalb.model.scope import DEFAULT, Scope
from exalb_bgp.revision import Revised

log = structlog.get_logger(__name__)


class _Table:
    """The objects of one kind; `version` of each is the number of its resourceVersion."""

    def __init__(self) -> None:
        self.versions: dict[Hashable, int] = {}
        self.values = Revised[Any, Any]()
        """Without objects that do not matter."""
        self.list_version = -1
        """The resourceVersion of the last list."""
        self.listing: Listing | None = None
        """A list that is on its way."""


class Store:
    """The latest objects of some kinds. Belongs to one event loop; no method awaits but the waiting ones."""

    def __init__(self, kinds: Iterable[Kind], *, scope: Scope = DEFAULT) -> None:
        self.kinds = tuple(kinds)
        """The kinds whose objects it keeps."""
        self._tables = {kind.name: _Table() for kind in self.kinds}
        self._slices = Revised[Key, tuple[EndpointSlice, ...]]()
        self._scope = scope
        self._host = LocalNode()
        self._programmed: Revised[ServiceFamily, int] | None = None
        self._unlisted = set(self._tables)
        self.synced = asyncio.Event()
        """Set once every kind was listed in whole: before that nothing may be decided."""
        self.changed = ChangeEvent()
        """The change event: an object changed since a round cleared it."""
        self.ages = WatchAges(self.kinds)
        self.restored = asyncio.Event()
        """Set once a reflector finds that the server was restored from a backup; KopfFeed clears it."""

    def missing(self) -> frozenset[str]:
        """Return the names of the kinds that were never listed."""
        return frozenset(self._unlisted)

    def snapshot(self) -> Cluster:
        """Return everything as it is now; unchanged objects are shared with earlier snapshots."""
        views: dict[str, Any] = {
            kind.cluster_field: self._tables[kind.name].values.revision()
            for kind in self.kinds
            if kind is not ENDPOINT_SLICE
        }
        views.setdefault(SECRET.cluster_field, None)
        return Cluster(
            **views, slices=self._slices.revision(), host=self._host, programmed=self.programmed, scope=self._scope
        )

    @property
    def programmed(self) -> Mapping[ServiceFamily, int] | None:
        """As in a snapshot."""
        return None if self._programmed is None else self._programmed.revision()

    def observe(self, host: LocalNode) -> None:
        """Take what the node of this program looks like now."""
        if host != self._host:
            self._host = host
            self.changed.set()

    def set_programmed(self, changes: Mapping[ServiceFamily, int | None]) -> None:
        """Take which endpoints kube-proxy of this program's node has programmed; None forgets. It sets no event."""
        if self._programmed is None:
            self._programmed = Revised()
        for key, port in changes.items():
            self._programmed.set(key, port)

    def put(self, kind: Kind, raw: Json) -> None:
        """Take an object that was listed, or added or modified in a watch."""
        table, key, version = self._tables[kind.name], kind.key(raw), _version(raw)
        known = table.versions.get(key)
        if version <= (table.list_version if known is None else known):
            return
        self._set(kind, table, key, version, raw)

    def update_if_present(self, kind: Kind, raw: Json) -> None:
        """Take an object as a write answered, or as it was read on its own."""
        table = self._tables.get(kind.name)
        if table and kind.key(raw) in table.versions:
            self.put(kind, raw)

    def remove(self, kind: Kind, raw: Json) -> None:
        """Forget an object that was deleted in a watch; `raw` is its last state."""
        table, key, version = self._tables[kind.name], kind.key(raw), _version(raw)
        if table.listing:
            table.listing.tombstones[key] = version
        if table.versions.get(key, version + 1) <= version:
            self._drop(kind, table, key)

    def listing(self, kind: Kind) -> "Listing":
        """Begin to take a list of the whole kind; call it before the server is asked. One at a time for a kind."""
        listing = Listing(self, kind)
        self._tables[kind.name].listing = listing
        return listing

    def accept_rollback(self, kind: Kind, version: int) -> None:
        """Accept that the server is at `version`, even after a later one: it was restored from a backup."""
        if version < self._tables[kind.name].list_version:
            self.forget_versions(kind)

    def forget_versions(self, kind: Kind) -> None:
        """Let the next list of a kind replace all, whatever its version: that of the server decreased."""
        log.warning("resource_version_decreased", kind=kind.name)
        table = self._tables[kind.name]
        table.versions = dict.fromkeys(table.versions, -1)
        table.list_version = -1

    def replace_all(self, kind: Kind, listed: Collection[Hashable], version: int) -> None:
        """Forget what a list of the whole kind at `version` does not hold."""
        table = self._tables[kind.name]
        for key in [key for key, at in table.versions.items() if key not in listed and at <= version]:
            self._drop(kind, table, key)
        table.list_version = version
        table.listing = None
        self._unlisted.discard(kind.name)
        if not self._unlisted and not self.synced.is_set():
            self.synced.set()
            self.changed.set()

    def _set(self, kind: Kind, table: _Table, key: Hashable, version: int, raw: Json) -> None:
        table.versions[key] = version
        try:
            value = kind.parse(raw)
        except MalformedError as error:
            log.warning("object_ignored", kind=kind.name, key=str(key), error=str(error))
            value = None
        except Exception:  # a mistake of ours about one object must not end what the others need
            log.exception("object_not_parsed", kind=kind.name, key=str(key))
            value = None
        old = table.values.get(key)
        if value == old:
            return
        table.values.set(key, value)
        self._note(kind, old, value)

    def _drop(self, kind: Kind, table: _Table, key: Hashable) -> None:
        del table.versions[key]
        old = table.values.get(key)
        if old is not None:
            table.values.set(key, None)
            self._note(kind, old, None)

    def _note(self, kind: Kind, old: Any, new: Any) -> None:  # noqa: ANN401 - a value of any kind
        if kind is ENDPOINT_SLICE:
            self._regroup(old, new)
            if not self._has_service_of(old, new):
                return
        self.changed.set()

    def _has_service_of(self, *slices: EndpointSlice | None) -> bool:
        """Return whether a Service of these slices is there; without it they change no decision."""
        services = self._tables.get(SERVICE.name)
        return services is None or any(each.service in services.values for each in slices if each)

    def _regroup(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        """Keep the slices of each Service together; a Service whose slices did not change keeps its very tuple."""
        for service in {value.service for value in (old, new) if value is not None}:
            members = [part for part in self._slices.get(service) or () if part is not old]
            if new is not None and new.service == service:
                members.append(new)
            self._slices.set(service, tuple(sorted(members, key=lambda part: part.key)) or None)


class Listing:
    """A list of a whole kind on its way into a store, page by page, so that no more than a page is held unparsed.

    A concurrent watch may report a deletion that the list, which is older, does not contain.
    """

    def __init__(self, store: Store, kind: Kind) -> None:
        self._store, self._kind = store, kind
        self._keys: set[Hashable] = set()
        self._version: int | None = None
        self.tombstones: dict[Hashable, int] = {}
        """Versions at which objects were deleted since the list began."""

    def add(self, raws: Iterable[Json], version: int) -> None:
        """Take some of the objects of the list, which shows the moment `version`."""
        if self._version is None:
            self._store.accept_rollback(self._kind, version)
            self._version = version
        for raw in raws:
            key = self._kind.key(raw)
            if self.tombstones.get(key, -1) < _version(raw):
                self._store.put(self._kind, raw)
                self._keys.add(key)

    def finish(self) -> None:
        """Note that this was all of them: what else the store has is gone."""
        if self._version is not None:
            self._store.replace_all(self._kind, self._keys, self._version)


def version_number(text: str) -> int:
    """Return the number of a resourceVersion."""
    return int(text)


def _version(raw: Json) -> int:
    return version_number(raw["metadata"]["resourceVersion"])
