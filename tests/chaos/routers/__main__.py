"""`python -m tests.chaos.routers [--seed N] [--steps N] [--minutes N]`: walk once, or one walk after the other."""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.routers.walk import AstrayError, Figures, command, walk
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
    end, total, seeds = time.monotonic() + 60 * wish.minutes, Figures(), list[int]()
    wrong = 0
    while not seeds or time.monotonic() < end:
        seeds.append(wish.seed if wish.seed is not None and not seeds else secrets.randbelow(10**6))
        print(command(seeds[-1], wish.steps), flush=True)
        try:
            with world() as built:
                built.reset()
                seen = walk(built, seeds[-1], wish.steps)
        except AstrayError as error:
            wrong += 1
            print(error, flush=True)
            continue
        total = Figures(*(getattr(total, name) + getattr(seen, name) for name in ("steps", "rests", "routes")))
        print(seen, flush=True)
    print(f"seeds {seeds}")
    print(f"{len(seeds)} walks: {total.steps} steps, {total.rests} checks, {total.routes} routes, {wrong} mismatches")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
