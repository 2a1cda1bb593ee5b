"""The pages on routers are true: their configuration and BGPPeer work word for word, and so do their commands."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from ipaddress import ip_address

import pytest

from exalb_bfd.packet import State as BfdState
from exalb_bgp.rib import Address
from exalb_bgp.session import SessionStatus, State
from tests.lab.wait import TooLateError, until
from tests.router.pages import PageBird, PageFrr
from tests.router.rack import DOCS, GTSM, NODES, ROUTER, ROUTERS, Rack
from tests.support.documented import commands
from tests.support.engine.bfd import BfdProcess

WEB4, WEB6 = ip_address("198.51.100.10"), ip_address("2001:db8:100::10")
EVERYWHERE = {"n1": ("ready", 1), "n2": ("ready", 3)}
WEIGHTED = {"frr"}
"""Those whose page says that they weigh paths by link bandwidth."""
LOOK = {
    "frr": commands("docs/routers/frr.md", "vtysh .+"),
    "bird": commands("docs/routers/bird.md", "(birdc|ip route) .+"),
    "gobgp": commands("docs/routers/gobgp.md", "gobgp .+"),
}
"""By router the commands of its page that show sessions and routes."""
OF_NODE = {name: re.compile("|".join(rf"{re.escape(address)}\b" for address in both)) for name, both in NODES.items()}
OUTSIDE = ip_address("172.20.0.10")
OTHER_POOL = {
    "apiVersion": "exalb.io/v1beta1",
    "kind": "IPAddressPool",
    "metadata": {"name": "other"},
    "spec": {"addresses": ["172.20.0.0/24"]},
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"docs-{name}")) for name in (*ROUTERS, f"frr{GTSM}")],
)
def rack(lab: str, request: pytest.FixtureRequest) -> Iterator[Rack]:
    """Two nodes before each router in turn."""
    rack = Rack(lab, request.param)
    try:
        rack.build()
        yield rack
    finally:
        rack.destroy()


@pytest.mark.parametrize("version", [4, 6], ids=["over-ipv4", "over-ipv6"])
def test_nodes_share_traffic(rack: Rack, version: int) -> None:
    """Sessions open with all that the page sets, carry both families, and packets go to both nodes."""
    rack.announce({WEB4: EVERYWHERE, WEB6: EVERYWHERE}, peerAddress=ROUTER[version == 6])
    rack.until_announced()
    weights = {"n1": 1, "n2": 3 if rack.router.language in WEIGHTED else 1}
    for address in (WEB4, WEB6):
        until(f"{address} goes to both nodes", partial(sends, rack, address, weights), seconds=30)
    for engine in rack.engines.values():
        session = engine.session("tor")
        assert len(session.families) == 2
        assert session.graceful_restart


def test_commands_of_the_page_show_sessions_and_routes(rack: Rack) -> None:
    rack.announce({WEB4: EVERYWHERE, WEB6: EVERYWHERE})
    rack.until_announced()
    until("packets go to both nodes", lambda: rack.hops(WEB6).keys() == EVERYWHERE.keys(), seconds=30)
    for line in LOOK[rack.name.removesuffix(GTSM)]:
        shown = look(rack, line)
        if re.search(r"\brib\b|\broutes?\b|unicast", line):
            assert all(found.search(shown) for found in OF_NODE.values()), f"{line}: {shown}"
        else:
            assert re.search("(?i)establ|203.0.113.11 +4 ", shown), f"{line}: {shown}"


def look(rack: Rack, line: str) -> str:
    """Run a command on the router, with the sockets of this one."""
    if isinstance(rack.router, PageFrr | PageBird):
        line = re.sub("^(vtysh|birdc)", rack.router.look, line)
    return rack.namespace.run(["bash", "-c", line]).stdout


def sends(rack: Rack, address: Address, wanted: dict[str, int]) -> bool:
    """Whether packets for an address go to these nodes, in these shares."""
    found = rack.hops(address)
    assert found.keys() == wanted.keys(), found
    assert all(found[node] * sum(wanted.values()) == share * sum(found.values()) for node, share in wanted.items())
    return True


def test_router_accepts_only_the_pool(rack: Rack) -> None:
    rack.announce({OUTSIDE: EVERYWHERE}, OTHER_POOL)
    rack.until_announced()
    rack.announce({OUTSIDE: EVERYWHERE, WEB4: EVERYWHERE}, OTHER_POOL)
    until("the route of the pool is accepted", lambda: rack.hops(WEB4).keys() == EVERYWHERE.keys(), seconds=30)
    assert not rack.hops(OUTSIDE)


def test_draining_node_gets_no_traffic_while_another_serves(rack: Rack) -> None:
    """GRACEFUL_SHUTDOWN (RFC 8326) lowers the preference; alone, the route stays in use."""
    rack.announce({WEB4: {"n1": ("draining", 1), "n2": ("ready", 3)}, WEB6: {"n1": ("draining", 1)}})
    rack.until_announced()
    until("the ready node has all traffic", lambda: rack.hops(WEB4).keys() == {"n2"}, seconds=30)
    until("the only node keeps the traffic", lambda: rack.hops(WEB6).keys() == {"n1"}, seconds=30)


def test_groups_of_next_hops_are_not_resilient(rack: Rack) -> None:
    """As the pages of FRR and BIRD say: a release that makes them resilient saves connections. GoBGP has no groups."""
    rack.announce({WEB4: EVERYWHERE})
    until("packets go to both nodes", lambda: rack.hops(WEB4).keys() == EVERYWHERE.keys(), seconds=30)
    shown = [rack.namespace.run(["ip", "-details", what, "show"]).stdout for what in ("nexthop", "route")]
    assert (str(WEB4) in shown[1]) == (rack.router.language != "toml")
    assert not [text for text in shown if "resilient" in text]


def test_routes_outlive_restart_of_engine(rack: Rack) -> None:
    rack.announce({WEB4: EVERYWHERE})
    rack.until_announced()
    until("packets go to both nodes", lambda: rack.hops(WEB4).keys() == EVERYWHERE.keys(), seconds=30)
    engine, seen = rack.engines["n1"], [rack.hops(WEB4).keys()]
    before = engine.session("tor").since
    engine.kill_exabgp()

    def is_back() -> bool:
        seen.append(rack.hops(WEB4).keys())
        status = engine.session("tor")
        return status.state is State.ESTABLISHED and status.since != before and status.sent == 1

    until("the session is new", is_back, seconds=60)
    assert all(nodes == EVERYWHERE.keys() for nodes in seen)


@pytest.mark.parametrize("version", [4, 6], ids=["over-ipv4", "over-ipv6"])
def test_bfd_of_the_page(rack: Rack, version: int) -> None:
    """Sessions come Up with `bfd: {}` alone in the BGPPeer, and the times are those of the page at both ends."""
    if rack.router.language == "toml":
        assert "BFD: 3.10 has none" in (DOCS / "gobgp.md").read_text()
        return
    with rack.with_bfd():
        rack.announce({WEB4: EVERYWHERE}, peerAddress=ROUTER[version == 6], bfd={})
        nodes = {ip_address(both[version == 6]) for both in NODES.values()}
        until("BFD is Up at the router", lambda: rack.router.bfd_up() == nodes, seconds=60)
        for name, process in rack.bfd.items():
            until(f"BFD of {name} has the times of the page", partial(is_quick, process), seconds=30)
        rack.until_announced()
    until("BFD has ended at the router", lambda: not rack.router.bfd_up(), seconds=30)


def is_quick(process: BfdProcess) -> bool:
    """Whether each end takes the other for dead after 3 x 300 ms."""
    session = process.session("tor")
    assert session.state is BfdState.UP, session
    assert (session.detection_time, session.remote_detection_time) == pytest.approx((0.9, 0.9)), session
    return True


def test_too_many_prefixes_end_the_session(rack: Rack) -> None:
    """FRR warns, BIRD ignores the routes above the limit, GoBGP closes the session until an operator opens it.

    A busy GoBGP may take its own close for a lost connection: it then keeps the routes for the restart time.
    """
    taken = {"frr": 1001, "bird": 1000, "toml": 0}[rack.router.language]
    rack.announce({WEB6 + number: {"n1": ("ready", 1)} for number in range(1001)})
    until(f"{taken} routes are accepted", lambda: len(rack.router.prefixes()) == taken, seconds=150)
    if taken:
        rack.until_announced()
    else:
        # While GoBGP receives a thousand routes its API may be slow to answer.
        look = partial(rack.namespace.run, ["gobgp", "neighbor"], check=False)
        until("GoBGP reports the reason", lambda: "Idle(PfxCt)" in look().stdout)


def test_node_without_keys_is_refused(rack: Rack) -> None:
    """The last test of a rack: some routers hold a broken session for minutes.

    Routers set the least TTL on a connection that they took already: its first message gets through, and what follows
    does not, so that only the router can show it.
    """
    for number, field in enumerate(("passwordSecretRef", "ttlSecurity"), 1):
        if field in rack.peer:
            before = {name: engine.session("tor") for name, engine in rack.engines.items()}
            rack.announce({}, **{field: None})
            until("every session is new", partial(are_others, rack, before), seconds=30)
            rack.announce({WEB4 + number: EVERYWHERE}, **{field: None})
            with pytest.raises(TooLateError):
                until("the route is accepted", partial(rack.hops, WEB4 + number), seconds=3)


def are_others(rack: Rack, before: Mapping[str, SessionStatus]) -> bool:
    """Whether no node has the session any more that it had before."""
    return not any(
        status.state is State.ESTABLISHED and rack.engines[name].session("tor").since == status.since
        for name, status in before.items()
    )
