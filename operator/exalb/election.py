"""Who of several controllers leads: a Lease of coordination.k8s.io, and a fence that keeps a late leader from writing.

No two clocks are compared. A follower measures on its own clock how long the Lease went without a change; a leader
measures from the moment before it sent its last renewal. The leader's time therefore ends before anyone else's begins,
and a write is only begun if its fate is settled within that time. (What no client can exclude is to be frozen between
that look at the clock and the very sending. Then the resourceVersion in the write still saves the object from harm, if
anybody touched it meanwhile.)
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from exalb.apiserver import MERGE, SETTLED_SECONDS, ApiError, ApiServer, ConflictError, Json, NotFoundError
from exalb.kinds import Kind

log = structlog.get_logger(__name__)

LEASE_SECONDS = 15
RENEW_SECONDS = 2.0
MARGIN_SECONDS = 1.0
"""By which the leader's own time is shorter than the Lease's."""
LEASE = Kind("Lease", "/apis/coordination.k8s.io/v1", "leases", dict, namespaced=True)


def clock() -> float:
    """Return seconds that never go back, and go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Election:
    """A candidate for one Lease. `lead` runs while we hold it, and is cancelled when we do not."""

    def __init__(self, api: ApiServer, namespace: str, name: str, identity: str) -> None:
        self._api, self._namespace, self._name, self._identity = api, namespace, name, identity
        self._path = LEASE.object(name, namespace)
        self._seen: tuple[str, float] = ("", 0.0)
        """The Lease's last resourceVersion, and when it was first seen."""
        self._until = 0.0
        """Our own time ends here; see `clock`."""

    @property
    def leading(self) -> bool:
        """Whether we hold the Lease."""
        return clock() < self._until

    def may_write(self) -> bool:
        """Tell whether a write that is sent now is settled within our time."""
        return clock() + SETTLED_SECONDS < self._until

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Stand for election until cancelled; then end `lead`, and give the Lease back."""
        while True:
            await self._acquire()
            log.info("leading", lease=self._path, identity=self._identity)
            try:
                await self._hold(lead)
            finally:
                await self._release()
            log.warning("no longer leading", lease=self._path, identity=self._identity)

    async def _hold(self, lead: Callable[[], Awaitable[None]]) -> None:
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
        while True:
            try:
                if await self._try_acquire():
                    return
            except ConflictError:
                log.debug("another candidate was faster", lease=self._path)
            except ApiError as error:
                log.warning("the lease cannot be had", lease=self._path, why=str(error))
            await asyncio.sleep(RENEW_SECONDS)

    async def _try_acquire(self) -> bool:
        begun = clock()
        try:
            lease = await self._api.get(self._path)
        except NotFoundError:
            body = self._body("", 0) | {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
            body["metadata"] = {"name": self._name, "namespace": self._namespace}
            self._held(await self._api.post(LEASE.collection(self._namespace), body), begun)
            return True
        version, spec = lease["metadata"]["resourceVersion"], lease.get("spec") or {}
        if version != self._seen[0]:
            self._seen = version, clock()
        # Ours without our knowing it: the answer to an earlier attempt was lost.
        vacant = spec.get("holderIdentity") in (None, "", self._identity)
        if not vacant and clock() - self._seen[1] <= float(spec.get("leaseDurationSeconds") or LEASE_SECONDS):
            return False
        begun = clock()
        body = self._body(version, int(spec.get("leaseTransitions") or 0) + 1)
        self._held(await self._api.patch(self._path, body, MERGE), begun)
        return True

    async def _renew(self) -> None:
        """Renew until the Lease is another's, or our time is over."""
        while self.leading:
            begun = clock()
            try:
                body = {"metadata": {"resourceVersion": self._seen[0]}, "spec": {"renewTime": _now()}}
                self._held(await self._api.patch(self._path, body, MERGE), begun)
            except ConflictError:
                if not await self._still_ours():
                    self._until = 0.0
                    return
                continue
            except ApiError as error:
                log.warning("the lease is not renewed", lease=self._path, why=str(error), left=self._until - clock())
            await asyncio.sleep(min(RENEW_SECONDS, max(0.0, self._until - clock())))

    async def _still_ours(self) -> bool:
        """Look at a Lease that changed under us: our own renewal whose answer was lost, or another's."""
        while self.leading:
            try:
                lease = await self._api.get(self._path)
            except ApiError:
                await asyncio.sleep(RENEW_SECONDS / 4)
                continue
            self._seen = lease["metadata"]["resourceVersion"], clock()
            return bool((lease.get("spec") or {}).get("holderIdentity") == self._identity)
        return False

    async def _release(self) -> None:
        if not self.leading:
            return
        self._until = 0.0
        try:
            body = {"metadata": {"resourceVersion": self._seen[0]}, "spec": {"holderIdentity": ""}}
            await self._api.patch(self._path, body, MERGE)
        except ApiError as error:
            log.info("the lease was not given back, and runs out", lease=self._path, why=str(error))

    def _held(self, lease: Json, begun: float) -> None:
        self._seen = lease["metadata"]["resourceVersion"], clock()
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


def _now() -> str:
    """Return the time for people who read the Lease; nothing here depends on it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
