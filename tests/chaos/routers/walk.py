"""One walk: moves as a seed draws them, a rest after every few, and a trace for whoever wants to know what happened."""

import time
from dataclasses import dataclass, replace

from tests.chaos.routers import rest
from tests.chaos.routers.moves import Itinerary
from tests.chaos.routers.player import Player
from tests.lab.wait import TooLateError
from tests.router.world import World

BETWEEN_RESTS = 8
LONG_REST = 6
"""Every sixth rest waits for GoBGP too."""
RESTART_TIME = 5
"""Seconds that a router keeps the routes of a session that went with its ExaBGP, and does not come back."""


@dataclass(slots=True)
class Figures:
    """What a walk came to."""

    steps: int = 0
    rests: int = 0
    routes: int = 0
    """Compared, in all rests together."""


class AstrayError(AssertionError):
    """A router does not hold what it shall; the text has the seed, the way there and what is wrong."""


def walk(world: World, seed: int, steps: int) -> Figures:
    """Walk; AstrayError on a mismatch, with the command that walks the same way again."""
    figures, trace, began = Figures(), list[str](), time.monotonic()
    plain = {name: replace(peer.session, graceful_restart=RESTART_TIME) for name, peer in world.peers.items()}
    itinerary = Itinerary(seed, plain, tuple(router.kind for router in world.routers))
    player = Player(world)
    player.begin(itinerary.goal)
    try:
        while figures.steps < steps:
            for _ in range(min(BETWEEN_RESTS, steps - figures.steps)):
                move = itinerary.draw()
                trace.append(f"{time.monotonic() - began:7.2f} s  {move}")
                player.play(move)
                figures.steps += 1
            itinerary.rest()
            player.mend()
            trace.append(f"{time.monotonic() - began:7.2f} s  rest")
            figures.rests += 1
            patient = figures.rests % LONG_REST == 0 or figures.steps == steps
            figures.routes += rest.check(world, patient=patient)
    except TooLateError as error:
        way = "\n".join(trace[-3 * BETWEEN_RESTS :])
        raise AstrayError(
            f"seed {seed}, step {figures.steps}: {error}\n{way}\nto replay: {command(seed, steps)}"
        ) from error
    return figures


def command(seed: int, steps: int) -> str:
    """Return the command that walks this way."""
    return f"make chaos SEED={seed} STEPS={steps}"
