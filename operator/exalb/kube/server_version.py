"""Whether the API server is of a version that ExaLB works with."""

import re
from typing import Protocol

import structlog

from exalb.kube.client import ApiError, Json

log = structlog.get_logger(__name__)

OLDEST = (1, 31)
"""The first version with everything that ExaLB uses, as in `kubeVersion` of the chart."""


class Getter(Protocol):
    """An API server to read one object from."""

    async def get(self, path: str) -> Json:
        """Read one object."""


async def unsupported(api: Getter) -> str | None:
    """Return why ExaLB does not work with this API server, or None; also None while it does not answer."""
    try:
        version = await api.get("/version")
    except ApiError as error:
        log.info("version_unknown", error=str(error))
        return None
    return too_old(version)


def too_old(version: Json) -> str | None:
    """Return the sentence about the answer of /version, or None for a version that is new enough, or cannot be read."""
    found = re.match(r"v(\d+)\.(\d+)", str(version.get("gitVersion", "")))
    if not found or (int(found[1]), int(found[2])) >= OLDEST:
        return None
    return (
        f"this cluster has Kubernetes {version['gitVersion']}, and ExaLB needs {OLDEST[0]}.{OLDEST[1]} or later:"
        " upgrade the cluster"
    )
