"""Keeps one kind of object in a store as the API server has it: a list, then a watch, for as long as it runs."""

import asyncio
import random
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

import structlog

from exalb.kube.client import ApiError, GoneError, Json, NotFoundError, Reader, UnavailableError
from exalb.kube.store import Store, version_number
from exalb.model.kinds import Kind, Role
from exalb.runtime.backoff import Backoff

log = structlog.get_logger(__name__)

WATCH_SECONDS = (240, 480)
"""How long one watch lasts; spread out, so that nodes that started together do not come back together."""

ABSENT_SECONDS = 600.0
"""How soon to ask again for a kind that the API server does not know: it may be a newer one then."""


def reflectors(
    api: Reader, store: Store, kinds: Iterable[Kind], *, namespace: str, node: str | None = None
) -> dict[Kind, "Reflector"]:
    """Return a reflector for each kind; Secrets are read in `namespace`, and of reports only that of `node`."""
    only_own = {"fieldSelector": f"metadata.name={node}"}
    return {
        kind: Reflector(
            api,
            store,
            kind,
            namespace=namespace if kind.own_namespace else None,
            query=only_own if node and kind.role is Role.REPORT else None,
        )
        for kind in kinds
    }


class Reflector:
    """Feeds `store` with the objects of `kind`, of one namespace or all, that the selectors in `query` let through.

    What is deleted while no watch runs is found by the next list; so is what a restore of the server from a backup
    undid. Errors end nothing: the store keeps what it has, and the reflector tries again, ever more slowly up to ten
    seconds.
    """

    def __init__(
        self,
        api: Reader,
        store: Store,
        kind: Kind,
        *,
        namespace: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        self._api, self._store, self._kind = api, store, kind
        self._path = kind.collection(namespace)
        self._query = {**kind.query, **(query or {})}
        self._since: str | None = None
        self._is_broken = False
        """Whether the last watch broke off: the server may have been restored from a backup since."""
        self._listing = asyncio.Lock()

    async def run(self) -> None:
        """Follow the API server until cancelled."""
        backoff = Backoff(first=0.2, limit=10.0)
        while True:
            try:
                if self._since and self._is_broken:
                    await self._confirm(self._since)
                if self._since is None:
                    self._since = await self._list_if_there()
                if self._since is None:
                    await asyncio.sleep(ABSENT_SECONDS)
                else:
                    await self._watch(self._since, backoff)
            except GoneError as error:
                log.info("relisting", kind=self._kind.name, error=str(error))
                self._since = None
            except UnavailableError as error:
                self._is_broken = True
                log.debug("watch_broken", kind=self._kind.name, error=str(error))
            except ApiError as error:
                log.warning("watch_refused", kind=self._kind.name, error=str(error))
            await backoff.wait()

    async def _list_if_there(self) -> str | None:
        """List all objects; None where the API server does not know the kind, and need not."""
        try:
            return await self.refresh()
        except NotFoundError as error:
            if not self._kind.optional:
                raise
            log.info("kind_not_served", kind=self._kind.name, error=str(error))
            listing = self._store.listing(self._kind)
            listing.add((), 0)
            listing.finish()
            self._store.ages.not_served(self._kind)
            return None

    async def refresh(self) -> str:
        """List all objects now, and return the list's resourceVersion; safe while a watch runs."""
        async with self._listing:
            listing, version = self._store.listing(self._kind), ""
            async for page in self._api.list(self._path, self._query):
                self._store.ages.answered(self._kind)
                version = page.resource_version
                listing.add(page.items, version_number(version))
            listing.finish()
            return version

    async def _confirm(self, since: str) -> None:
        """Raise GoneError if the server is at an earlier version than `since`: a watch would be silent until then."""
        query = urlencode({**self._query, "limit": 1})
        found = (await self._api.get(f"{self._path}?{query}"))["metadata"]["resourceVersion"]
        self._is_broken = False
        if version_number(found) < version_number(since):
            self._store.forget_versions(self._kind)
            self._store.restored.set()
            raise GoneError(f"the server was restored: the resourceVersion decreased from {since} to {found}")

    async def _watch(self, since: str, backoff: Backoff) -> None:
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 - spreads load, guards nothing
        async for event in self._api.watch(self._path, self._query, since, seconds):
            self._store.ages.answered(self._kind)
            version = event.object["metadata"]["resourceVersion"]
            if version_number(version) < version_number(self._since or "0"):
                raise GoneError(f"the resourceVersion decreased from {self._since} to {version}")
            self._update_store(event.type, event.object)
            self._since = version
            backoff.reset()

    def _update_store(self, happened: str, raw: Json) -> None:
        match happened:
            case "ADDED" | "MODIFIED":
                self._store.put(self._kind, raw)
            case "DELETED":
                self._store.remove(self._kind, raw)
