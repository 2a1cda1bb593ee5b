"""One walk: moves as a seed draws them, a rest after every few, and a trace for whoever wants to know what happened."""

import time
from dataclasses import dataclass, replace

from tests.chaos.routers import rest, scene
from tests.chaos.routers.drained import WalkWorld
from tests.chaos.routers.moves import Itinerary
from tests.chaos.routers.player import Player

BETWEEN_RESTS = 8
LONG_REST = 96
"""Steps from one rest that waits for GoBGP too to the next."""
RESTART_TIME = 5
"""Seconds that a router keeps the routes of a session that went with its ExaBGP, and does not come back."""


@dataclass(slots=True)
class Figures:
    """The figures of a walk."""

    steps: int = 0
    rests: int = 0
    routes: int = 0
    """Compared, in all rests together."""
    looks: int = 0
    """At a router's table, in between."""
    hung: int = 0
    """How often a router had to be started again for a fault of its own."""


class AstrayError(AssertionError):
    """A router does not hold the wanted routes; the text has the seed, the moves before and the difference."""


def walk(world: WalkWorld, seed: int, steps: int, figures: Figures) -> None:
    """Walk, and add it up; AstrayError on a mismatch, with the command that walks the same way again."""
    trace, began = list[str](), time.monotonic()
    plain = {name: replace(peer.session, graceful_restart=RESTART_TIME) for name, peer in world.peers.items()}
    itinerary = Itinerary(seed, plain, tuple(router.kind for router in world.routers))
    player = Player(world)
    try:
        with player.watcher:
            player.begin(itinerary.goal)
            for step in range(1, steps + 1):
                move = itinerary.draw()
                trace.append(f"{time.monotonic() - began:7.2f} s  {step:3} {move}")
                player.play(move)
                figures.steps += 1
                if step % BETWEEN_RESTS == 0 or step == steps:
                    itinerary.rest()
                    trace.append(f"{time.monotonic() - began:7.2f} s  rest")
                    figures.hung += player.repair()
                    figures.routes += rest.check(world, patient=step % LONG_REST == 0 or step == steps)
                    player.node.check(world.sessions)
                    figures.rests += 1
                assert not player.watcher.wrong, "; ".join(player.watcher.wrong[:5])
    except (AssertionError, RuntimeError) as error:
        way, seen = "\n".join(trace[-4 * BETWEEN_RESTS :]), "\n".join(scene.describe(world))
        raise AstrayError(f"seed {seed}: {error!r}\n{way}\n{seen}\nto replay: {command(seed, steps)}") from error
    finally:
        figures.looks += player.watcher.looks


def command(seed: int, steps: int) -> str:
    """Return the command that walks this way."""
    return f"make chaos SEED={seed} STEPS={steps}"
