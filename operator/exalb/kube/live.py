"""Reads a running cluster once, with the rights of a reader: no Secrets, no writes."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import NamedTuple

from exalb.kube.client import ApiError, Json, NotFoundError, Reader
from exalb.kube.reflector import reflectors
from exalb.kube.store import Store
from exalb.model.cluster import Cluster
from exalb.model.kinds import HELD_SERVICE, KINDS, SECRET, Kind
from exalb.model.labels import CONTROLLER
from exalb.model.lease import Lease
from exalb.model.scope import DEFAULT, Scope

READ = tuple(kind for kind in KINDS if kind not in (SECRET, HELD_SERVICE))
"""The kinds that a reader lists: all but Secrets."""
_LEASE = "/apis/coordination.k8s.io/v1/namespaces/{}/leases/exalb-controller"
_DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"


class Live(NamedTuple):
    """A running cluster at one moment."""

    cluster: Cluster
    lease: Lease
    now: datetime


async def read_live(api: Reader, namespace: str) -> Live:
    """Read everything that answers need; `namespace` is ExaLB's own. Raises ApiError."""
    scope, lease = (
        asyncio.ensure_future(read_scope(api, namespace)),
        asyncio.ensure_future(read_lease(api, namespace)),
    )
    try:
        store = Store(READ, scope=await scope)
        feeds = reflectors(api, store, READ, namespace=namespace)
        await asyncio.gather(*(_list(kind, feed.refresh()) for kind, feed in feeds.items()))
        return Live(store.snapshot(), await lease, datetime.now(UTC))
    finally:
        scope.cancel()
        lease.cancel()


async def _list(kind: Kind, refresh: Awaitable[str]) -> None:
    try:
        await refresh
    except NotFoundError:
        if not kind.optional:
            raise


async def read_lease(api: Reader, namespace: str) -> Lease:
    """Read the Lease of the controllers in ExaLB's namespace."""
    try:
        spec = (await api.get(_LEASE.format(namespace))).get("spec") or {}
    except NotFoundError:
        return Lease()
    except ApiError as error:
        return Lease(unknown=f"the Lease of the controllers cannot be read: {error}")
    renewed = spec.get("renewTime")
    return Lease(spec.get("holderIdentity") or "", datetime.fromisoformat(renewed) if renewed else None)


async def read_scope(api: Reader, namespace: str) -> Scope:
    """Return the Services and Nodes that ExaLB serves, as the Deployment of its controllers says; else the default."""
    try:
        deployments = [
            deployment
            async for page in api.list(_DEPLOYMENTS.format(namespace), {"labelSelector": CONTROLLER})
            for deployment in page.items
        ]
    except ApiError:
        return DEFAULT
    variables = {
        variable.get("name"): variable.get("value")
        for deployment in deployments
        for container in _containers(deployment)
        for variable in container.get("env") or ()
    }
    return Scope(
        variables.get("EXALB_LOAD_BALANCER_CLASS") or DEFAULT.load_balancer_class,
        require_class=variables.get("EXALB_REQUIRE_CLASS") == "true",
        ignore_exclude_label=variables.get("EXALB_IGNORE_EXCLUDE_LABEL") == "true",
    )


def _containers(deployment: Json) -> list[Json]:
    found: list[Json] = deployment["spec"]["template"]["spec"]["containers"]
    return found
