"""Reads ExaLB's own pods and their logs, with the rights of a reader."""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

from exalb.kube.client import ApiClient, ApiError, Json
from exalb.model.labels import OURS

_PODS = "/api/v1/namespaces/{}/pods"
TAIL = "5000"
"""The lines of each log that are read."""
AT_ONCE = 20
"""The logs that are read at the same time."""


class Log(NamedTuple):
    """The end of the log of one container."""

    pod: str
    node: str
    container: str
    text: str


async def read_pods(api: ApiClient, namespace: str) -> list[Json]:
    """Return ExaLB's pods. Raises ApiError."""
    return [pod async for page in api.list(_PODS.format(namespace), {"labelSelector": OURS}) for pod in page.items]


async def read_logs(api: ApiClient, namespace: str, pods: list[Json]) -> list[Log]:
    """Return the logs of all containers of these pods; a log that cannot be read says why."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def read(pod: str, node: str, container: str) -> Log:
        path = f"{_PODS.format(namespace)}/{pod}/log"
        async with slots:
            try:
                text = await api.text(path, {"container": container, "tailLines": TAIL})
            except ApiError as error:
                text = f"cannot be read: {error}\n"
        return Log(pod, node, container, text)

    return list(await asyncio.gather(*(read(*part) for part in _containers(pods))))


def _containers(pods: list[Json]) -> Iterator[tuple[str, str, str]]:
    for pod in pods:
        for container in pod["spec"]["containers"]:
            yield pod["metadata"]["name"], pod["spec"].get("nodeName", ""), container["name"]
