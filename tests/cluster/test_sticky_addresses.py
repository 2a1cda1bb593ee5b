"""A Service keeps an address that is still valid, whichever controller leads and however the pools change."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.kubernetes.addressing import Addressing
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import World

HELD = {"a": "198.51.100.0", "b": "198.51.100.9", "pair": "198.51.100.1 2001:db8:100::"}
FOUR, SIX = "198.51.100.0/28", "2001:db8:100::/64"


def started(story: Addressing) -> None:
    """Create three Services with addresses of one pool, one of them an address that the allocator would not choose."""
    story.pool("main", FOUR, SIX)
    story.service("a")
    story.expect("a", HELD["a"])
    story.service("b", annotations={"addresses": HELD["b"]})
    story.expect("b", HELD["b"])
    story.change("b", annotations={"addresses": None})
    story.service("pair", ipFamilyPolicy="RequireDualStack", ipFamilies=["IPv4", "IPv6"])
    story.expect("pair", HELD["pair"])
    story.costs(a="Assigned", b="Assigned", pair="Assigned")


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of the pools; `quiet` is the number of Services with a new message: those with a pool's name in it."""

    happen: Callable[[Addressing], Any]
    quiet: int = 0


def renamed(story: Addressing) -> None:
    """Give the same addresses to a pool of another name."""
    story.pass_a_second()
    story.pool("new", FOUR, SIX)
    assert story.judged("new") == "PoolOverlap"
    story.delete_pool("main")


def split(story: Addressing) -> None:
    """Make two pools of what was one, since it was renamed."""
    story.pass_a_second()  # of two pools of one second the name would decide which one is active
    story.pool("low", "198.51.100.0/29", SIX)
    story.pool("high", "198.51.100.8/29")
    assert {story.judged("low"), story.judged("high")} == {"PoolOverlap"}
    story.delete_pool("new")


TURNS = {
    "widened": Turn(lambda story: story.change_pool("main", addresses=["198.51.100.0/24", SIX])),
    "shrunk": Turn(lambda story: story.change_pool("main", addresses=["198.51.100.0/31", "198.51.100.9/32", SIX])),
    "reordered": Turn(lambda story: story.pool("first", "192.0.2.0/24", serviceAllocation={"priority": 1})),
    "reserved": Turn(lambda story: story.change_pool("main", reservations=[reservation(story)])),
    "bound": Turn(lambda story: story.change_pool("main", serviceAllocation={"namespaces": [story.world.namespace]})),
    "closed": Turn(lambda story: story.change_pool("main", disabled=True, autoAssign=False)),
    "renamed": Turn(renamed, quiet=len(HELD)),
    "split": Turn(split, quiet=len(HELD)),
}
"""In this order, each on what the one before left."""


def reservation(story: Addressing) -> dict[str, str]:
    """Return the reservation of an address for the one that has it."""
    return {"address": HELD["b"], "namespace": story.world.namespace, "service": "b"}


def test_services_keep_addresses_through_changes_of_pools(world: World, programs: Programs, gate: Gate) -> None:
    programs.controller("one", gate.url, world.namespace).wait_leads()
    story = Addressing(world, "one")
    started(story)
    for name, turn in TURNS.items():
        turn.happen(story)
        story.costs(quiet=turn.quiet)
        assert {service: story.outcome(service)[0] for service in HELD} == HELD, name


def test_next_leader_moves_no_address(world: World, programs: Programs, gate: Gate) -> None:
    first = programs.controller("first", gate.url, world.namespace)
    started(Addressing(world, "first"))
    second = programs.controller("second", gate.url, world.namespace)
    second.wait_ready()
    first.end()
    second.wait_leads()
    story = Addressing(world, "second")
    story.costs()
    second.end()
    # Without a leader, the pool shrinks to the addresses in use, and a better pool is created.
    story.change_pool("main", addresses=["198.51.100.0/31", "198.51.100.9/32", SIX])
    world.pool("first", "192.0.2.0/24")
    programs.controller("third", gate.url, world.namespace).wait_leads()
    story = Addressing(world, "third")
    story.costs()
    assert {service: story.outcome(service)[0] for service in HELD} == HELD


def test_invalid_address_is_replaced_in_one_write(world: World, programs: Programs, gate: Gate) -> None:
    programs.controller("strict", gate.url, world.namespace).wait_leads()
    story = Addressing(world, "strict")
    started(story)
    story.change_pool("main", addresses=["198.51.100.8/29", SIX])
    story.expect("a", "198.51.100.8")
    story.expect_note("a", "released 198.51.100.0: 198.51.100.0 is in no active IPAddressPool")
    story.expect("pair", "198.51.100.10 2001:db8:100::")
    story.costs(a="Assigned", pair="Assigned")
    story.change_pool("main", serviceAllocation={"namespaces": ["elsewhere"]})
    for name in HELD:
        story.expect(name, "", "NoMatchingPool")
    story.costs(a="NoMatchingPool", b="NoMatchingPool", pair="NoMatchingPool")
    story.delete_pool("main")


def test_older_of_two_services_keeps_a_common_address(world: World, programs: Programs, gate: Gate) -> None:
    story = Addressing(world, "judge")
    for name in ("older", "younger"):
        story.service(name)
        status = {"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.5", "ipMode": "VIP"}]}}}
        world.change(f"{world.services}/{name}/status", status)
    world.pool("main", FOUR)
    programs.controller("judge", gate.url, world.namespace)
    story.expect("older", "198.51.100.5")
    story.expect("younger", "198.51.100.0")
    story.expect_note("younger", "released 198.51.100.5: 198.51.100.5 is in use by")
    story.costs(older="Assigned", younger="Assigned")
