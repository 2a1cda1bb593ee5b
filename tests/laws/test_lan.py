"""Whatever happens to the nodes of a LAN: once it is quiet, one node announces each address that some node may."""

from ipaddress import ip_address
from typing import Any, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from exalb_l2.frames import Address
from exalb_l2.goal import WATCHED
from tests.support.l2.simulated_lan import SETTLED, SimulatedLan

NAMES = ("n1", "n2", "n3", "n4")
Orders: TypeAlias = dict[Address, list[str]]
ADDRESSES = tuple(map(ip_address, ("10.0.0.100", "10.0.0.101", "10.0.0.102")))

orders = st.fixed_dictionaries(
    {
        address: st.permutations(NAMES).flatmap(lambda all_: st.integers(1, 4).map(lambda n: all_[:n]))
        for address in ADDRESSES
    }
)
names = st.sampled_from(NAMES)
events = st.one_of(
    *(
        st.tuples(st.just(kind), names)
        for kind in ("off", "on", "leave", "cut", "join", "pause", "go", "wall", "unwall", "decline", "accept")
    ),
    st.tuples(st.just("goal"), orders),
)


def happen(lan: SimulatedLan, kind: str, what: Any) -> None:
    """Let one thing happen."""
    if kind == "goal":
        lan.goal(what, lan.declined)
        return
    name = str(what)
    if kind in ("decline", "accept"):
        lan.decline(lan.declined | {name} if kind == "decline" else lan.declined - {name})
    elif kind == "on" and name in lan.off:
        lan.start(name)
    elif kind == "leave" and name not in lan.off:
        lan.leave(name)
    elif kind in ("off", "cut", "pause", "wall"):
        {"off": lan.off, "cut": lan.cut, "pause": lan.paused, "wall": lan.walled}[kind].add(name)
    else:
        {"on": lan.off, "join": lan.cut, "go": lan.paused, "unwall": lan.walled}.get(kind, set()).discard(name)


@settings(max_examples=40)
@given(orders, st.lists(st.tuples(events, st.floats(0, 6)), max_size=8))
def test_one_node_announces_each_address(first: Orders, story: list[tuple[tuple[str, Any], float]]) -> None:
    lan = SimulatedLan(len(NAMES))
    last = first
    lan.goal(first)
    for (kind, what), seconds in story:
        happen(lan, kind, what)
        last = what if kind == "goal" else last
        lan.run(seconds)
    for trouble in (lan.cut, lan.paused, lan.walled):
        trouble.clear()
    for name in tuple(lan.off):
        lan.start(name)
    lan.run(SETTLED * 3)
    for address in ADDRESSES:
        able = [name for name in last[address] if name not in lan.declined]
        found = lan.holders(address)
        assert set(found) <= set(able), (address, found, able)
        assert len(found) == 1 or (not found and not set(able) & set(last[address][:WATCHED])), (address, found, able)
    if last is first:  # where a node is cut off meanwhile, its announcement of an address that is new to it is lost
        assert {address: [name] for address, name in lan.found.items()} == {a: lan.holders(a) for a in lan.found}
    lan.moves.clear()
    lan.run(SETTLED)
    assert lan.moves == []
