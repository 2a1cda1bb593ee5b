"""`python -m tests.chaos.routers [--seed N] [--steps N] [--minutes N]`: walk once, or one walk after the other."""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.routers.walk import Figures, command, walk
from tests.lab import reaper, sweep
from tests.lab.layout import Layout
from tests.router.world import World


@contextmanager
def world() -> Iterator[World]:
    """Build a world of this process's own, and clear it away."""
    layout = Layout(f"w{os.getpid():x}")
    with sweep.alone(layout):
        sweep.clear(layout)
        (layout.state / "logs").mkdir(parents=True)
        reaper.start(layout, os.getpid())
    built = World(layout.name)
    try:
        built.build()
        yield built
    finally:
        built.destroy()
        reaper.release(layout)
        with sweep.alone(layout):
            sweep.clear(layout)


def main() -> int:
    """Walk, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="of the first walk; drawn if not given")
    parser.add_argument("--steps", type=int, default=300, help="of each walk")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin new walks for so long")
    wish = parser.parse_args()
    end, seeds, wrong, figures = time.monotonic() + 60 * wish.minutes, list[int](), list[int](), Figures()
    while not seeds or time.monotonic() < end:
        seed = wish.seed if wish.seed is not None and not seeds else secrets.randbelow(10**6)
        seeds.append(seed)
        print(command(seed, wish.steps), flush=True)
        try:
            with world() as built:
                built.reset()
                walk(built, seed, wish.steps, figures)
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
