"""Elects the leader of several controllers by a Lease (coordination.k8s.io), and keeps a late leader from writing.

No two clocks are compared. A follower measures on its own clock how long the Lease went without a change; a leader
measures from the moment before it sent its last renewal. The leader's time therefore ends before anyone else's begins,
and a write is only begun if its outcome is known within that time. (No client can exclude that it is frozen between
that look at the clock and the sending. Then the resourceVersion in the write makes the server refuse it, if the object
changed meanwhile.)

A follower watches the Lease: it sees each renewal, and sees at once that a leader which ends gives the Lease back. A
watch can hang and show nothing, as if nobody led. So a follower that saw no renewal for the Lease's time reads the
Lease before it takes it: a newer version begins that time, and a new watch, once more.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog

from exalb.kube.client import (
    ANSWER_SECONDS,
    MERGE,
    SETTLED_SECONDS,
    ApiError,
    ConflictError,
    Json,
    NotFoundError,
    Reader,
    StatusClient,
    UnavailableError,
)
from exalb.kube.reflector import WATCH_SECONDS
from exalb.runtime.backoff import Backoff
from exalb.runtime.clock import seconds_since_boot
from exalb.runtime.times import micro_time_text

log = structlog.get_logger(__name__)

LEASE_SECONDS = 15
RENEW_SECONDS = 2.0
MARGIN_SECONDS = 1.0
"""By which the leader's own time is shorter than the Lease's."""
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


class LeaseClient(Reader, StatusClient, Protocol):
    """An API server to read, watch and write a Lease on."""


class Election:
    """A candidate for one Lease. `lead` runs while we hold it, and is cancelled when we do not."""

    def __init__(self, api: LeaseClient, namespace: str, name: str, identity: str) -> None:
        self._api, self._namespace, self._name, self._identity = api, namespace, name, identity
        self._collection = _LEASES.format(namespace)
        self._path = f"{self._collection}/{name}"
        self._seen: tuple[str, float] = ("", 0.0)
        """The Lease's last resourceVersion, and when it was first seen."""
        self._lasts = float(LEASE_SECONDS)
        """How long the Lease is its holder's after each change, in seconds."""
        self._until = 0.0
        """Our own time ends here; see `seconds_since_boot`."""

    @property
    def leading(self) -> bool:
        """Whether we hold the Lease."""
        return seconds_since_boot() < self._until

    def may_write(self) -> bool:
        """Return whether the outcome of a write that is sent now is known within our time."""
        return seconds_since_boot() + SETTLED_SECONDS < self._until

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Take part in the election until cancelled; then end `lead`, and release the Lease."""
        while True:
            await self._acquire()
            log.info("started_leading", lease=self._path, identity=self._identity)
            try:
                await self._run_while_leading(lead)
            finally:
                await self._release()
            log.warning("stopped_leading", lease=self._path, identity=self._identity)

    async def _run_while_leading(self, lead: Callable[[], Awaitable[None]]) -> None:
        leading = asyncio.ensure_future(lead())
        renewing = asyncio.create_task(self._renew())
        try:
            await asyncio.wait((leading, renewing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (leading, renewing):
                task.cancel()
            await asyncio.wait((leading, renewing))
        for task in (leading, renewing):
            if not task.cancelled():
                task.result()

    async def _acquire(self) -> None:
        backoff = Backoff(first=0.2, limit=RENEW_SECONDS)
        while True:
            await backoff.wait()
            try:
                if await self._try_acquire():
                    return
                await self._follow(backoff)
            except ConflictError:
                log.debug("lease_taken", lease=self._path)
            except UnavailableError as error:
                log.debug("lease_not_acquired", lease=self._path, error=str(error))
            except ApiError as error:
                log.warning("lease_not_acquired", lease=self._path, error=str(error))

    async def _try_acquire(self) -> bool:
        begun = seconds_since_boot()
        try:
            lease = await self._read()
        except NotFoundError:
            body = self._body("", 0) | {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
            body["metadata"] = {"name": self._name, "namespace": self._namespace}
            self._record_renewal(await self._api.post(self._collection, body), begun)
            return True
        self._see(lease)
        if not self._is_vacant(lease) and self._remaining() >= 0:
            return False
        begun = seconds_since_boot()
        transitions = int(_spec(lease).get("leaseTransitions") or 0) + 1
        body = self._body(self._seen[0], transitions)
        self._record_renewal(await self._api.patch(self._path, body, MERGE), begun)
        return True

    async def _follow(self, backoff: Backoff) -> None:
        """Watch another's Lease until it is worth a look: it is vacant, its time is over, or the watch ended."""
        query, seconds = {"fieldSelector": f"metadata.name={self._name}"}, random.randint(*WATCH_SECONDS)  # noqa: S311
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._remaining()) as limit:
                async for event in self._api.watch(self._collection, query, self._seen[0], seconds):
                    if event.type == "BOOKMARK":
                        continue
                    backoff.reset()
                    self._see(event.object)
                    if event.type == "DELETED" or self._is_vacant(event.object):
                        return
                    limit.reschedule(loop.time() + self._remaining())
        except TimeoutError:
            log.info("lease_expired", lease=self._path)

    async def _read(self) -> Json:
        """Read the Lease, or fail soon: whoever waits for an answer neither follows nor leads."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._api.get(self._path)
        except TimeoutError:
            raise UnavailableError(f"GET {self._path}: no answer in time") from None

    def _see(self, lease: Json) -> None:
        version = lease["metadata"]["resourceVersion"]
        if version != self._seen[0]:
            self._seen = version, seconds_since_boot()
        self._lasts = float(_spec(lease).get("leaseDurationSeconds") or LEASE_SECONDS)

    def _is_vacant(self, lease: Json) -> bool:
        """Whether nobody holds the Lease, or we do without knowing it: the answer to an earlier attempt was lost."""
        return _spec(lease).get("holderIdentity") in (None, "", self._identity)

    def _remaining(self) -> float:
        """Return for how many seconds the Lease is still another's, if it does not change."""
        return self._seen[1] + self._lasts - seconds_since_boot()

    async def _renew(self) -> None:
        """Renew until the Lease is another's, or our time is over."""
        while self.leading:
            begun = seconds_since_boot()
            try:
                body = {"metadata": {"resourceVersion": self._seen[0]}, "spec": {"renewTime": _now()}}
                self._record_renewal(await self._api.patch(self._path, body, MERGE), begun)
            except ConflictError:
                if not await self._still_ours():
                    self._until = 0.0
                    return
                continue
            except ApiError as error:
                seconds = round(self._until - seconds_since_boot(), 1)
                log.warning("lease_not_renewed", lease=self._path, error=str(error), leading_for_s=seconds)
            await asyncio.sleep(min(RENEW_SECONDS, max(0.0, self._until - seconds_since_boot())))

    async def _still_ours(self) -> bool:
        """Look at a Lease that changed under us: our own renewal whose answer was lost, or another's."""
        while self.leading:
            try:
                lease = await self._api.get(self._path)
            except ApiError:
                await asyncio.sleep(RENEW_SECONDS / 4)
                continue
            self._seen = lease["metadata"]["resourceVersion"], seconds_since_boot()
            return bool(_spec(lease).get("holderIdentity") == self._identity)
        return False

    async def _release(self) -> None:
        if not self.leading:
            return
        self._until = 0.0
        try:
            await self._give_back(self._seen[0])
        except ConflictError:
            await self._give_back_newer()
        except ApiError as error:
            log.info("lease_not_released", lease=self._path, error=str(error))

    async def _give_back(self, version: str) -> None:
        body = {"metadata": {"resourceVersion": version}, "spec": {"holderIdentity": ""}}
        await self._api.patch(self._path, body, MERGE)

    async def _give_back_newer(self) -> None:
        """Give back a Lease that changed since we saw it: a renewal was on its way when we were ended."""
        try:
            lease = await self._api.get(self._path)
            if _spec(lease).get("holderIdentity") == self._identity:
                await self._give_back(lease["metadata"]["resourceVersion"])
        except ApiError as error:
            log.info("lease_not_released", lease=self._path, error=str(error))

    def _record_renewal(self, lease: Json, begun: float) -> None:
        self._seen = lease["metadata"]["resourceVersion"], seconds_since_boot()
        self._until = begun + LEASE_SECONDS - MARGIN_SECONDS

    def _body(self, version: str, transitions: int) -> Json:
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": _now(),
            "renewTime": _now(),
            "leaseTransitions": transitions,
        }
        return {"metadata": {"resourceVersion": version}, "spec": spec}


def _spec(lease: Json) -> Json:
    return lease.get("spec") or {}


def _now() -> str:
    """Return the time for people who read the Lease; nothing here depends on it."""
    return micro_time_text(datetime.now(UTC))
