"""`python -m tests.chaos.routers [--seed N] [--steps N] [--minutes N]`: walk once, or one walk after the other."""

import argparse
import os
import secrets
import sys
import time

from tests.chaos.routers.drained import WalkWorld
from tests.chaos.routers.walk import Figures, command, walk
from tests.support.lab_run import lab_run


def main() -> int:
    """Walk, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="of the first walk; drawn if not given")
    parser.add_argument("--steps", type=int, default=300, help="of each walk")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin new walks for so long")
    options = parser.parse_args()
    end, seeds, wrong, figures = time.monotonic() + 60 * options.minutes, list[int](), list[int](), Figures()
    while not seeds or time.monotonic() < end:
        seed = options.seed if options.seed is not None and not seeds else secrets.randbelow(10**6)
        seeds.append(seed)
        print(command(seed, options.steps), flush=True)
        try:
            with lab_run(f"w{os.getpid():x}") as lab, WalkWorld(lab) as world:
                world.reset()
                walk(world, seed, options.steps, figures)
        except (AssertionError, RuntimeError) as error:  # RuntimeError is a router or a network that refuses
            wrong.append(seed)
            print(error, flush=True)
        print(f"so far {figures}", flush=True)
    print(f"{len(seeds)} walks, seeds {', '.join(map(str, seeds))}")
    print(f"{figures.steps} steps, {figures.rests} checks of {figures.routes} routes, {figures.looks} looks in between")
    print(f"{figures.hung} routers hung")
    print(f"{len(wrong)} mismatches{', seeds ' * bool(wrong)}{', '.join(map(str, wrong))}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
