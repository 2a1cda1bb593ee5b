"""Creates the first pool and the first peer from the values of an installation, once. The Job of the chart runs it.

A ConfigMap records that it was done, so that no upgrade creates what people deleted. It belongs to the definition of
pools: whoever deletes that, and all pools with it, may start again.
"""

import asyncio

import structlog

from exalb.analysis.first import Create, First, Occupied, Refused, decide
from exalb.api.schema import GROUP
from exalb.kube.client import ApiClient, ApiError, Json, NotFoundError, RefusedError
from exalb.kube.credentials import load_credentials
from exalb.kube.lists import list_objects
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster
from exalb.model.kinds import NODE, PEER, POOL, SERVICE_CIDR
from exalb.programs.lifecycle import CannotRunError
from exalb.programs.settings import FirstSettings
from exalb.runtime.backoff import Backoff

log = structlog.get_logger(__name__)

RECORD = "exalb-first"
"""The ConfigMap, in ExaLB's namespace."""
FINAL = {400, 422}
"""The API server refuses the object itself: it will again."""
_CRD = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{POOL.plural}.{GROUP}"


async def run(settings: FirstSettings) -> None:
    """Create what is missing, or find that it was done before; raises CannotRunError and CredentialsError."""
    credentials, last = load_credentials(settings.kubeconfig), ""
    backoff = Backoff(first=0.2, limit=2.0)
    try:
        async with asyncio.timeout(settings.timeout), ApiClient(credentials) as api:
            while True:
                await backoff.wait()
                try:
                    return await _run_once(api, settings)
                except ApiError as error:
                    last = str(error)
                    if isinstance(error, RefusedError) and error.status in FINAL:
                        raise CannotRunError(f"the API server refuses first.*: {last}") from error
    except TimeoutError as error:
        raise CannotRunError(f"first.*: not created within {settings.timeout:g} s: {last}") from error


async def _run_once(api: ApiClient, settings: FirstSettings) -> None:
    crd = await api.get(_CRD)
    configmaps = f"/api/v1/namespaces/{settings.namespace}/configmaps"
    try:
        record = await api.get(f"{configmaps}/{RECORD}")
    except NotFoundError:
        record = None
    if record and _owner(record) == crd["metadata"]["uid"]:
        log.info("first_done_before", record=f"{settings.namespace}/{RECORD}")
        return
    result = await _create(api, settings)
    await api.post(configmaps, _record(crd, result))


async def _create(api: ApiClient, settings: FirstSettings) -> str:
    """Create the objects, and return a sentence about it."""
    first = First(settings.address_list, settings.peer_address, settings.my_asn, settings.peer_asn)
    match decide(first, await _snapshot(api, settings.namespace)):
        case Refused(sentences):
            raise CannotRunError("; ".join(sentences))
        case Occupied(names):
            log.warning("first_not_created", present=names)
            return f"created nothing: there was {', '.join(names)}"
        case Create(manifests):
            for kind, manifest in manifests:
                await api.post(kind.collection(), manifest)
                log.info("first_created", kind=kind.name, name=manifest["metadata"]["name"])
    return "created"


async def _snapshot(api: ApiClient, namespace: str) -> Cluster:
    """Read what the decision needs; an object that is not shaped as the Kubernetes API says matters to no check."""
    objects: list[Json] = []
    for kind in (NODE, SERVICE_CIDR, POOL, PEER):
        objects += await list_objects(api, kind.name, kind.api_version, kind.collection()) or []
    cluster, findings = snapshot_of(objects, namespace)
    for finding in findings:
        log.warning("object_ignored", kind=finding.kind, name=finding.name, error=finding.message)
    return cluster


def _owner(record: Json) -> str:
    return next((str(owner["uid"]) for owner in record["metadata"].get("ownerReferences", [])), "")


def _record(crd: Json, result: str) -> Json:
    owner = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    owner |= {key: crd["metadata"][key] for key in ("name", "uid")}
    return {"metadata": {"name": RECORD, "ownerReferences": [owner]}, "data": {"first": result}}
