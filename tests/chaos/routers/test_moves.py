"""A walk can be repeated, and makes every move that there is."""

from ipaddress import IPv4Address
from typing import cast

import pytest

from exalb_bgp.session import Session
from tests.chaos.routers.drained import WalkWorld
from tests.chaos.routers.moves import (
    Act,
    BfdMove,
    DrainMove,
    EngineMove,
    Itinerary,
    Move,
    Repair,
    RouterMove,
    SessionChange,
    TableChange,
)
from tests.chaos.routers.player import Player

SESSIONS = {
    name: Session(name, IPv4Address(f"10.77.0.{number}"), 64512, 64513, IPv4Address("10.77.0.11"))
    for number, name in enumerate(("frr-ipv4", "frr-ipv6", "bird-ipv4", "gobgp-ipv4"), 101)
}


def moves(seed: int) -> list[str]:
    """Return the first hundred steps of a walk."""
    itinerary = Itinerary(seed, SESSIONS, ("frr", "bird", "gobgp"))
    return [str(itinerary.draw()) for _ in range(100)]


def test_walk_repeats_with_its_seed() -> None:
    assert moves(7) == moves(7)
    assert moves(7) != moves(8)


def test_every_move_is_drawn() -> None:
    itinerary = Itinerary(190, SESSIONS, ("frr", "bird", "gobgp"))
    acts = {
        act for kind in (TableChange, SessionChange, RouterMove, EngineMove, DrainMove, BfdMove, Repair) for act in kind
    }
    for _ in range(300):
        if not acts:
            break
        acts.discard(itinerary.draw().act)
    assert not acts


def test_unknown_move_is_an_error() -> None:
    player = Player(WalkWorld("nowhere"))
    with pytest.raises(AssertionError, match="flap the session"):
        player.play(Move(cast("Act", "flap the session")))
