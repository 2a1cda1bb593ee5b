"""The work of `exalb web`."""

import asyncio
import sys

from exalb.cli.live import EXIT_GOOD, EXIT_UNUSABLE, Target, ask
from exalb.kube.client import ApiClient
from exalb.kube.live import read_live
from exalb.runtime import logs
from exalb.web.overviews import Overviews
from exalb.web.server import Server
from exalb.web.watched_cluster import WatchedCluster


def serve(target: Target, port: int) -> int:
    """Serve the page until interrupted; return 2 where the cluster or the port cannot be used."""

    async def run(api: ApiClient, _: str) -> int:
        live = await read_live(api, target.exalb_namespace)  # says at once what cannot be read
        watched = WatchedCluster(api, target.exalb_namespace, scope=live.cluster.scope)
        async with Server(Overviews(watched)).listen(port) as url:
            print(f"The page is at {url}\nCtrl-C ends it.", flush=True)  # noqa: T201 - a command speaks to a terminal
            await asyncio.Event().wait()
        return EXIT_GOOD

    logs.configure("warning", "console")
    try:
        code = ask(target, run)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return EXIT_GOOD
    except OSError as error:
        print(f"exalb web: port {port}: {error.strerror}; another one is chosen with --port", file=sys.stderr)  # noqa: T201
        return EXIT_UNUSABLE
    return EXIT_UNUSABLE if code is None else code
