"""`python -m tests.chaos.lan [--seed N] [--steps N] [--minutes N]`: walk once, or one walk after the other."""

import sys

from tests.chaos.lan.walk import Figures, walk
from tests.chaos.lan.world import LanWorld
from tests.chaos.walks import run_walks


def main() -> int:
    """Walk, and return the exit code."""
    figures = Figures()

    def once(lab: str, seed: int, steps: int) -> None:
        with LanWorld(lab) as world:
            walk(world, seed, steps, figures)

    return run_walks(__doc__ or "", once, figures)


if __name__ == "__main__":
    sys.exit(main())
