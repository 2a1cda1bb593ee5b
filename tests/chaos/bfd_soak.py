"""`python -m tests.chaos.bfd_soak [--minutes N] [--loops N]`: BFD with real routers while busy loops run.

Counts how often a session went down, at either end, though nothing failed: a false alarm costs all routes of a node.
"""

import argparse
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from exalb_bfd.packet import State
from exalb_bfd.peers import Peer as BfdPeer
from tests.chaos.routers.drained import INTERVAL, WalkWorld
from tests.lab.routers.router import BfdPeering
from tests.lab.wait import until
from tests.support.lab_run import lab_run
from tests.support.routers.world import NODE, Peer

MULTIPLIER = 3


def main() -> int:
    """Run, print the counts, and return 1 where a session went down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--loops", type=int, default=os.cpu_count(), help="busy loops; by default one a processor")
    options = parser.parse_args()
    with lab_run(f"b{os.getpid():x}") as lab, WalkWorld(lab) as world:
        peers = _up(world)
        before = {peer.name: _at_router(world, peer) for peer in peers}
        with _busy(options.loops):
            threading.Event().wait(60 * options.minutes)
        return _report(
            world, before, f"{options.minutes:g} min, {options.loops} busy loops on {os.cpu_count()} processors"
        )


def _up(world: WalkWorld) -> list[Peer]:
    """Bring up a BFD session of either family with each router that has BFD."""
    world.reset()
    peers = [peer for peer in world.peers.values() if peer.router.kind in ("frr", "bird")]
    for peer in peers:
        world.change(peer, {}, {"bfd": INTERVAL})
    world.act()
    goal = {p.name: BfdPeer(p.address, INTERVAL, INTERVAL, MULTIPLIER, NODE[p.family]) for p in peers}
    world.bfd.apply(goal)
    world.bfd.until_state(State.UP, *goal)
    for peer in peers:
        until(f"{peer.name} is Up at the router", partial(_is_up, world, peer), seconds=60)
    return peers


def _at_router(world: WalkWorld, peer: Peer) -> BfdPeering:
    return peer.router.bfd_sessions()[world.node_address(peer)]


def _is_up(world: WalkWorld, peer: Peer) -> bool:
    return _at_router(world, peer).up


@contextmanager
def _busy(loops: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _report(world: WalkWorld, before: dict[str, BfdPeering], what: str) -> int:
    """Print a line for each session, and return the exit code."""
    downs = 0
    for name, then in before.items():
        now, here = _at_router(world, world.peers[name]), world.bfd.session(name)
        changes = now.changes - then.changes
        downs += changes + here.counts.down
        print(
            f"{name}: {changes} changes at the router, {here.counts.down} downs here, {here.counts.late} packets late"
        )
    print(f"{what}, {INTERVAL} ms x {MULTIPLIER}, {len(before)} sessions: {downs} false alarms")
    return 1 if downs else 0


if __name__ == "__main__":
    sys.exit(main())
