"""The latest of every object, parsed once on arrival, and pictures of all of it.

Objects arrive from several hands: watches, lists, and the answers to our own writes. What the server counts up, the
resourceVersion, tells which is later; so the order of arrival does not matter, and what was deleted stays deleted:

- an object replaces an older one of its key, never a newer one;
- a list removes what it does not hold and is not newer than itself, and from then on nothing older than the list
  comes back;
- the answer to a write changes an object that is there, and never adds one: the watch does that.

(Kubernetes promises this order since 1.35, and etcd has always given it. A server restored from a backup counts from
an earlier number; such a list replaces all.)
"""

import asyncio
from collections.abc import Collection, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import structlog

from exalb.apiserver import Json
from exalb.cluster import Cluster, EndpointSlice, Key
from exalb.host import Host
from exalb.kinds import ENDPOINT_SLICE, SERVICE, Kind
from exalb.parse import MalformedError

log = structlog.get_logger(__name__)


class _Table:
    """The objects of one kind; `version` of each is the number of its resourceVersion."""

    def __init__(self) -> None:
        self.versions: dict[Hashable, int] = {}
        self.values: dict[Any, Any] = {}
        """Without objects that do not matter."""
        self.floor = -1
        """The resourceVersion of the last list."""
        self.listing: Listing | None = None
        """A list that is on its way."""
        self.picture: Mapping[Any, Any] | None = None
        """An immutable copy of `values`; None when it is out of date."""

    def view(self) -> Mapping[Any, Any]:
        if self.picture is None:
            self.picture = MappingProxyType(dict(self.values))
        return self.picture


class Store:
    """The latest objects of some kinds. Belongs to one event loop; no method awaits but the waiting ones."""

    def __init__(self, kinds: Iterable[Kind], *, require_class: bool = False) -> None:
        self._tables = {kind.name: _Table() for kind in kinds}
        self._by_service: dict[Key, dict[Key, EndpointSlice]] = {}
        self._slices: dict[Key, tuple[EndpointSlice, ...]] = {}
        self._slices_picture: Mapping[Key, tuple[EndpointSlice, ...]] | None = None
        self._require_class = require_class
        self._host = Host()
        self._unlisted = set(self._tables)
        self.synced = asyncio.Event()
        """Set once every kind was listed in whole: before that nothing may be decided."""
        self.changed = asyncio.Event()
        """The bell: something is new since somebody cleared it."""

    def missing(self) -> frozenset[str]:
        """Return the names of the kinds that were never listed."""
        return frozenset(self._unlisted)

    def snapshot(self) -> Cluster:
        """Return everything as it is now; what did not change is shared with earlier pictures."""
        pictures = {name: table.view() for name, table in self._tables.items()}
        if self._slices_picture is None:
            self._slices_picture = MappingProxyType(dict(self._slices))
        nothing: Mapping[Any, Any] = MappingProxyType({})
        return Cluster(
            services=pictures.get("Service", nothing),
            slices=self._slices_picture,
            nodes=pictures.get("Node", nothing),
            namespaces=pictures.get("Namespace", nothing),
            service_ranges=pictures.get("ServiceCIDR", nothing),
            secrets=pictures.get("Secret", nothing),
            pools=pictures.get("IPAddressPool", nothing),
            peers=pictures.get("BGPPeer", nothing),
            advertisements=pictures.get("BGPAdvertisement", nothing),
            communities=pictures.get("Community", nothing),
            speakers=pictures.get("BGPSpeaker", nothing),
            host=self._host,
            require_class=self._require_class,
        )

    def observe(self, host: Host) -> None:
        """Take what the node of this program looks like now."""
        if host != self._host:
            self._host = host
            self.changed.set()

    def put(self, kind: Kind, raw: Json) -> None:
        """Take an object that was listed, or added or modified in a watch."""
        table, key, version = self._tables[kind.name], kind.key(raw), _version(raw)
        known = table.versions.get(key)
        if version <= (table.floor if known is None else known):
            return
        self._set(kind, table, key, version, raw)

    def fold(self, kind: Kind, raw: Json) -> None:
        """Take an object as a write answered, or as it was read on its own."""
        table = self._tables.get(kind.name)
        if table and kind.key(raw) in table.versions:
            self.put(kind, raw)

    def remove(self, kind: Kind, raw: Json) -> None:
        """Forget an object that was deleted in a watch; `raw` is its last state."""
        table, key, version = self._tables[kind.name], kind.key(raw), _version(raw)
        if table.listing:
            table.listing.buried[key] = version
        if table.versions.get(key, version + 1) <= version:
            self._drop(kind, table, key)

    def listing(self, kind: Kind) -> "Listing":
        """Begin to take a list of the whole kind; call it before the server is asked. One at a time for a kind."""
        listing = Listing(self, kind)
        self._tables[kind.name].listing = listing
        return listing

    def believe(self, kind: Kind, version: int) -> None:
        """Note that the server is at `version`, even where that is before what it said earlier."""
        table = self._tables[kind.name]
        if version < table.floor:
            log.warning("the API server went back in time, and is believed", kind=kind.name)
            table.versions = dict.fromkeys(table.versions, -1)
            table.floor = -1

    def sweep(self, kind: Kind, listed: Collection[Hashable], version: int) -> None:
        """Forget what a list of the whole kind at `version` does not hold."""
        table = self._tables[kind.name]
        for key in [key for key, at in table.versions.items() if key not in listed and at <= version]:
            self._drop(kind, table, key)
        table.floor = version
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
            log.warning("an object cannot be read, and counts as absent", kind=kind.name, key=str(key), why=str(error))
            value = None
        except Exception:  # a mistake of ours about one object must not end what the others need
            log.exception("an object cannot be read, and counts as absent", kind=kind.name, key=str(key))
            value = None
        old = table.values.get(key)
        if value == old:
            return
        if value is None:
            del table.values[key]
        else:
            table.values[key] = value
        self._note(kind, table, old, value)

    def _drop(self, kind: Kind, table: _Table, key: Hashable) -> None:
        del table.versions[key]
        old = table.values.pop(key, None)
        if old is not None:
            self._note(kind, table, old, None)

    def _note(self, kind: Kind, table: _Table, old: Any, new: Any) -> None:  # noqa: ANN401 - a value of any kind
        table.picture = None
        if kind.name == ENDPOINT_SLICE.name:
            self._regroup(old, new)
            if not self._has_service_of(old, new):
                return
        self.changed.set()

    def _has_service_of(self, *slices: EndpointSlice | None) -> bool:
        """Tell whether a Service of these slices is there; without it they change no decision, and it rings itself."""
        services = self._tables.get(SERVICE.name)
        return services is None or any(one.service in services.values for one in slices if one)

    def _regroup(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        """Keep the slices of each Service together; a Service whose slices did not change keeps its very tuple."""
        if old is not None:
            self._by_service[old.service].pop(old.key)
        if new is not None:
            self._by_service.setdefault(new.service, {})[new.key] = new
        for service in {value.service for value in (old, new) if value is not None}:
            members = self._by_service[service]
            if members:
                self._slices[service] = tuple(members[key] for key in sorted(members))
            else:
                del self._by_service[service]
                self._slices.pop(service, None)
        self._slices_picture = None


class Listing:
    """A list of a whole kind on its way into a store, page by page, so that no more than a page is held unparsed.

    A watch that runs beside it may have told of a deletion that the list, older than that, does not know of.
    """

    def __init__(self, store: Store, kind: Kind) -> None:
        self._store, self._kind = store, kind
        self._keys: set[Hashable] = set()
        self._version: int | None = None
        self.buried: dict[Hashable, int] = {}
        """Versions at which objects were deleted since the list began."""

    def add(self, raws: Iterable[Json], version: int) -> None:
        """Take some of the objects of the list, which shows the moment `version`."""
        if self._version is None:
            self._store.believe(self._kind, version)
            self._version = version
        for raw in raws:
            key = self._kind.key(raw)
            if self.buried.get(key, -1) < _version(raw):
                self._store.put(self._kind, raw)
                self._keys.add(key)

    def finish(self) -> None:
        """Note that this was all of them: what else the store has is gone."""
        if self._version is not None:
            self._store.sweep(self._kind, self._keys, self._version)


def version_number(text: str) -> int:
    """Return the number of a resourceVersion."""
    return int(text)


def _version(raw: Json) -> int:
    return version_number(raw["metadata"]["resourceVersion"])
