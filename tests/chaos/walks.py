"""Walks one after the other, each in a lab of its own, from the command line."""

import argparse
import os
import secrets
import time
from collections.abc import Callable

from tests.support.lab_run import lab_run


def run_walks(doc: str, walk: Callable[[str, int, int], None], figures: object) -> int:
    """Walk as the command line says, and return the exit code; `walk` gets the lab, the seed and the steps.

    AssertionError and RuntimeError end one walk; the latter is a router or a network that refuses.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--seed", type=int, help="of the first walk; drawn if not given")
    parser.add_argument("--steps", type=int, default=300, help="of each walk")
    parser.add_argument("--minutes", type=float, default=0.0, help="begin new walks for so long")
    options = parser.parse_args()
    end, seeds, wrong = time.monotonic() + 60 * options.minutes, list[int](), list[int]()
    while not seeds or time.monotonic() < end:
        seed = options.seed if options.seed is not None and not seeds else secrets.randbelow(10**6)
        seeds.append(seed)
        print(f"seed {seed}, {options.steps} steps", flush=True)
        try:
            with lab_run(f"w{os.getpid():x}") as lab:
                walk(lab, seed, options.steps)
        except (AssertionError, RuntimeError) as error:
            wrong.append(seed)
            print(error, flush=True)
        print(f"so far {figures}", flush=True)
    print(f"{len(seeds)} walks, seeds {', '.join(map(str, seeds))}")
    print(f"{len(wrong)} mismatches{', seeds ' * bool(wrong)}{', '.join(map(str, wrong))}")
    return 1 if wrong else 0
