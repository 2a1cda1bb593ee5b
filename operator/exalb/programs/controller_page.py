"""The web page as the controllers serve it: on 127.0.0.1 of their pods, for `kubectl port-forward`.

So the API server authenticates each reader, and asks RBAC whether that person may forward a port of the pod. Each
controller serves it, whether it leads or not, from the store that it keeps up to date anyway. EndpointSlices, which it
does not need otherwise, are watched while somebody looks.
"""

import contextlib
from collections.abc import AsyncIterator

import structlog

from exalb.kube.client import Reader
from exalb.kube.store import Store
from exalb.programs.settings import ControllerSettings

log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def serve_page(api: Reader, store: Store, settings: ControllerSettings) -> AsyncIterator[None]:
    """Serve the page as long as the context lasts, if the settings say so. Raises OSError where the port is taken."""
    if not settings.page_port:
        yield
        return
    # A controller without a page must not have its memory.
    from exalb.web.overviews import Overviews  # noqa: PLC0415
    from exalb.web.server import Server  # noqa: PLC0415
    from exalb.web.watched_cluster import WatchedCluster  # noqa: PLC0415

    watched = WatchedCluster(api, settings.namespace, held=store)
    # Not a secret path: whoever may forward the port may see the page. While a person does, other users of the same
    # machine can see it, too: `kubectl exalb web` is for such machines.
    async with Server(Overviews(watched), path="/").listen(settings.page_port) as url:
        log.info("page_served", url=url)
        yield
