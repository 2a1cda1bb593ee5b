"""BFD over a link that is gone: the session says why it is Down, BGP lives by its own timer, and all comes back."""

from collections.abc import Iterator
from functools import partial
from ipaddress import IPv4Address

import pytest

from exalb_bfd.packet import State
from exalb_bfd.peers import Peer as BfdPeer
from exalb_bgp.session import Session
from exalb_bgp.session import State as BgpState
from exalb_bgp.speaker import Speaker
from tests.lab.network import Namespace, connect
from tests.lab.routers.frr import Frr
from tests.lab.routers.router import Neighbor
from tests.lab.wait import until
from tests.support.engine.bfd import BfdProcess
from tests.support.engine.rig import Engine
from tests.support.routers.world import interface

NODE, ROUTER = IPv4Address("10.77.0.11"), IPv4Address("10.77.0.101")
NODE_ASN, ROUTER_ASN = 64512, 64513
INTERVAL = 300
"""Milliseconds."""
HOLD = 9
"""Seconds: longer than BFD takes to notice, so that a session that ends at once differs from one that ends by it."""
GONE = "no session can be opened"


class Cable:
    """A node and FRR with a cable between them, which can be taken away with the interfaces at its ends."""

    def __init__(self, lab: str) -> None:
        self.node = Namespace.create(lab, "node")
        self.router = Frr(Namespace.create(lab, "tor", forwarding=True), ROUTER_ASN, ROUTER)
        self.engine, self.bfd = Engine(self.node), BfdProcess(self.node)

    def lay(self) -> None:
        """Connect them."""
        connect(self.node, "eth0", self.router.namespace, "eth0")
        self.node.address("eth0", interface(NODE))
        self.router.namespace.address("eth0", interface(ROUTER))

    def take(self) -> None:
        """Remove the cable."""
        self.node.ip("link delete eth0")

    def bgp(self) -> BgpState:
        """Return the state of the BGP session."""
        return self.engine.session("tor").state


@pytest.fixture(scope="module")
def programs(lab: str) -> Iterator[Cable]:
    """Run the programs of both ends once."""
    cable = Cable(lab)
    cable.lay()
    session = Session("tor", ROUTER, NODE_ASN, ROUTER_ASN, router_id=NODE, hold_time=HOLD, local_address=NODE)
    try:
        cable.router.start(Neighbor(NODE, NODE_ASN, bfd=INTERVAL))
        cable.engine.start()
        cable.bfd.start()
        cable.engine.apply(Speaker({"tor": session}))
        yield cable
    finally:
        cable.bfd.stop()
        cable.engine.stop()
        cable.router.stop()


@pytest.fixture(params=["eth0", None], ids=["bound-to-the-interface", "by-the-routing-table"])
def cable(programs: Cable, request: pytest.FixtureRequest) -> Cable:
    """Return both ends with BGP and BFD, which is bound to the interface or not."""
    programs.bfd.apply({})
    until("BGP is Established", lambda: programs.bgp() is BgpState.ESTABLISHED, seconds=60)
    programs.bfd.apply({"tor": BfdPeer(ROUTER, INTERVAL, INTERVAL, 3, interface=request.param)})
    programs.bfd.until_state(State.UP, "tor")
    until("BFD is Up at the router", lambda: programs.router.bfd_sessions()[NODE].up)
    until("BGP is Established", lambda: programs.bgp() is BgpState.ESTABLISHED, seconds=60)
    return programs


def test_interface_that_is_gone_is_the_reason(cable: Cable) -> None:
    """The counters and the diagnostic stay through all attempts, and BFD is Up soon after the cable is there again."""
    before = cable.bfd.session("tor").counts
    cable.take()
    try:
        until("the kernel's error is the reason", partial(_says, cable, GONE))
        assert cable.bgp() is BgpState.ESTABLISHED, "only the speaker closes BGP; the engine waits for the hold time"
        session = cable.bfd.session("tor")
        assert (session.state, session.was_up, session.counts.down) == (State.DOWN, True, before.down + 1)
        assert session.diagnostic, "why it left Up"
        until("BGP ended by its hold time", lambda: cable.bgp() is not BgpState.ESTABLISHED, seconds=3 * HOLD)
        assert _says(cable, GONE)
    finally:
        cable.lay()
    cable.bfd.until_state(State.UP, "tor")
    session = cable.bfd.session("tor")
    assert (session.counts.up, session.counts.down) == (before.up + 1, before.down + 1)
    until("BGP is back", lambda: cable.bgp() is BgpState.ESTABLISHED, seconds=90)


def _says(cable: Cable, words: str) -> bool:
    session = cable.bfd.session("tor")
    assert words in (session.problem or ""), session
    return True
