"""A rest on the walk: everything runs, time passes, and each router must hold the wanted routes, and no other."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from exalb_bgp.rib import Address, Prefix
from exalb_bgp.session import Family, State
from tests.lab.routers.gobgp import GoBgp
from tests.lab.routers.router import Route, Router
from tests.lab.wait import until
from tests.support.routers.world import Peer, World

OPENING, FOLLOWING = 90.0, 60.0
"""Seconds that sessions may take to come back (both ends wait longer after each failure), and tables to follow."""

Table = dict[tuple[Address, Prefix], Route]


def check(world: World, *, patient: bool) -> int:
    """Wait until all is as desired, and return the number of routes that were compared; TooLateError if it is not.

    GoBGP refuses a neighbour for at least 5 s after each session; then it is left out, unless we are `patient`.
    """
    routers = [router for router in world.routers if patient or not _refuses(world, router)]
    peers = [world.peers[name] for name in world.sessions if world.peers[name].router in routers]
    for peer in peers:
        until(f"{peer.name} is Established", partial(_established, world, peer), seconds=OPENING)
    world.engine.settle(FOLLOWING)
    for router in routers:
        until(f"{router.kind} holds its table", partial(_holds, world, router), seconds=FOLLOWING)
    until("the engine counts its routes", partial(_counted, world, peers), seconds=FOLLOWING)
    return sum(len(world.ribs[peer.name]) for peer in peers)


def _refuses(world: World, router: Router) -> bool:
    mine = [peer for peer in world.peers.values() if peer.router is router]
    return isinstance(router, GoBgp) and not all(map(world.established, mine))


def _established(world: World, peer: Peer) -> bool:
    seen = world.engine.session(peer.name)
    assert seen.state is State.ESTABLISHED, seen
    return world.established(peer)


def _holds(world: World, router: Router) -> bool:
    """Compare one router's tables, of all who speak to it, attribute by attribute."""
    wanted = _wanted(world, router)
    held_routes = {(sender, prefix) for prefix, senders in router.prefixes().items() for sender in senders}
    missing, undesired = wanted.keys() - held_routes, held_routes - wanted.keys()
    said = f"missing {_some(missing)}, undesired {_some(undesired)}"
    assert held_routes == wanted.keys(), said
    held = {(route.peer, route.prefix): replace(route, local_pref=None) for route in router.routes()}
    wrong = [f"{held.get(key)} instead of {route}" for key, route in wanted.items() if held.get(key) != route]
    assert not wrong, f"{len(wrong)} wrong: {wrong[:3]}"
    return True


def _wanted(world: World, router: Router) -> Table:
    peers = (peer for peer in world.peers.values() if peer.router is router and peer.name in world.sessions)
    return {(route.peer, route.prefix): route for peer in peers for route in expected(world, peer)}


def expected(world: World, peer: Peer) -> Iterator[Route]:
    """Yield the routes that a router is to hold from one session: those of the families that it carries."""
    families = world.sessions[peer.name].families
    for prefix, attributes in world.ribs[peer.name].items():
        if Family.of(prefix) in families:
            yield world.view(peer, prefix, attributes)


def _counted(world: World, peers: Iterable[Peer]) -> bool:
    for peer in peers:
        seen, count = world.engine.session(peer.name), len(list(expected(world, peer)))
        assert (seen.sent, seen.wanted) == (count, len(world.ribs[peer.name])), f"{peer.name}: {seen}"
    return True


def _some(routes: set[tuple[Address, Prefix]]) -> str:
    return f"{len(routes)} ({', '.join(f'{prefix} from {sender}' for sender, prefix in sorted(routes, key=str)[:4])})"
