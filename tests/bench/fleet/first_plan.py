"""How long a speaker takes from its start to its first plan, next to many Services, EndpointSlices and Nodes."""

import asyncio
import gc

from exalb.kube.credentials import Credentials
from tests.bench.fleet.scene import Scene
from tests.bench.fleet.speakers import Fleet

TRIES = 3


async def have_services(scene: Scene, credentials: Credentials, count: int) -> None:
    """Make Services of two slices each until there are so many; return when the controller gave each an address."""
    await asyncio.to_thread(scene.add_services, count - scene.services, slices=2)
    fleet = Fleet(credentials, 1)
    await fleet.start(count)
    await fleet.end()


async def first_plans(scene: Scene, credentials: Credentials) -> list[float]:
    """Start a speaker that knows nothing; return the seconds until it has a route for each Service, of each try."""
    found, loop = list[float](), asyncio.get_running_loop()
    for _ in range(TRIES):
        gc.collect()
        fleet, begun = Fleet(credentials, 1), loop.time()
        await fleet.start(scene.services)
        found.append(loop.time() - begun)
        await fleet.end()
    return found
