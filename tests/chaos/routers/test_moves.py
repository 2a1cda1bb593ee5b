"""A walk can be walked again: what it does comes from its seed alone."""

from ipaddress import IPv4Address

from exalb_bgp.session import Session
from tests.chaos.routers.moves import Itinerary

SESSIONS = {
    name: Session(name, IPv4Address(f"10.77.0.{number}"), 64512, 64513, IPv4Address("10.77.0.11"))
    for number, name in enumerate(("frr-ipv4", "frr-ipv6", "bird-ipv4", "gobgp-ipv4"), 101)
}


def moves(seed: int) -> list[str]:
    """Return what the first hundred steps of a walk are."""
    itinerary = Itinerary(seed, SESSIONS, ("frr", "bird", "gobgp"))
    return [str(itinerary.draw()) for _ in range(100)]


def test_a_seed_is_a_walk() -> None:
    assert moves(7) == moves(7)
    assert moves(7) != moves(8)
