"""`python -m tests.chaos.routers [--seed N] [--steps N] [--minutes N]`: walk once, or one walk after the other."""

import sys

from tests.chaos.routers.drained import WalkWorld
from tests.chaos.routers.walk import Figures, walk
from tests.chaos.walks import run_walks


def main() -> int:
    """Walk, and return the exit code."""
    figures = Figures()

    def once(lab: str, seed: int, steps: int) -> None:
        with WalkWorld(lab) as world:
            world.reset()
            walk(world, seed, steps, figures)

    return run_walks(__doc__ or "", once, figures)


if __name__ == "__main__":
    sys.exit(main())
