"""A hostile or broken peer: its messages affect no other session, and its routes are ignored."""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from exalb_bgp.rib import Attributes
from exalb_bgp.session import Family, Session, SessionStatus, State
from tests.lab.network import Bridge, Namespace, attach
from tests.lab.wait import until
from tests.support.bgp.messages import MARKER, Kind, framed
from tests.support.bgp.raw_peer import Meeting, RawPeer
from tests.support.routers.world import LOCAL_ASN, NODE, World, host, table

ADDRESS, ASN = IPv4Address("10.77.0.120"), 64620
SIZE = 6
ANNOUNCED = {host(Family.IPV4, 200): Attributes(next_hop=NODE[Family.IPV4])}
"""The table for the hostile peer. The peer asks for it again; the answer shows that all messages before were read."""

COMPLAINTS = {
    "drive": ("exabgp_link_broken", "exabgp_state_unreadable", "exabgp_does_not_answer", "Traceback"),
    "supervise": ("exabgp_exited", "exabgp_killed"),
}
"""Events that must not be in the log of a program. ExaBGP itself may fail on a message; then that session ends."""


@dataclass
class Scene:
    """The six sessions, and one more with the hostile peer."""

    world: World
    peer: RawPeer
    before: dict[str, int]
    processes: list[int]
    logs: dict[Path, int]

    @property
    def status(self) -> SessionStatus:
        """The status that the driver reports for the hostile peer."""
        return self.world.engine.session("hostile")

    def assert_others_unaffected(self) -> None:
        """Check that the other sessions go on and receive a change, no process died, and no line was misread."""
        world = self.world
        world.announce(table(SIZE + 2), *world.peers.values())
        world.until_announced(*world.peers.values())
        assert world.connections() == self.before
        assert _processes(world) == self.processes
        for log, length in self.logs.items():
            said = log.read_text()[length:]
            assert not any(word in said for word in COMPLAINTS[log.stem]), said


def _processes(world: World) -> list[int]:
    return [world.engine.pid(command) for command in ("exabgp.server", "relay.py")]


@pytest.fixture(scope="module")
def stranger(built: World) -> Iterator[RawPeer]:
    """Plug one more machine into the switch."""
    namespace = Namespace.create(built.lab, "hostile")
    attach(Bridge(built.fabric, "br0"), namespace)
    namespace.address("eth0", IPv4Interface(f"{ADDRESS}/24"))
    peer = RawPeer(namespace, ADDRESS, ASN)
    yield peer
    peer.close()


@pytest.fixture
def scene(world: World, stranger: RawPeer) -> Scene:
    """Announce a table to all routers, and configure a session with the stranger too."""
    node = IPv4Address("10.77.0.11")
    world.announce(table(SIZE), *world.peers.values())
    world.until_announced(*world.peers.values())
    logs = {path: path.stat().st_size for path in (world.node.state / f"{name}.log" for name in ("drive", "supervise"))}
    scene = Scene(world, stranger, world.connections(), _processes(world), logs)
    world.sessions["hostile"] = Session("hostile", ADDRESS, LOCAL_ASN, ASN, node, local_address=node)
    world.ribs["hostile"] = ANNOUNCED
    world.act_on_engine()
    return scene


def update(withdrawn: bytes = b"", attributes: bytes = b"", nlri: bytes = b"", *, beyond: int = 0) -> bytes:
    """Make an UPDATE; `beyond` is added to the length of its attributes."""
    lengths = struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes) + beyond)
    return framed(Kind.UPDATE, lengths + attributes + nlri)


def attribute(code: int, value: bytes, flags: int = 0x40) -> bytes:
    """Make a path attribute."""
    return bytes([flags, code, len(value)]) + value


ORIGIN, HOP = attribute(1, b"\0"), attribute(3, ADDRESS.packed)
PATH = attribute(2, bytes([2, 1]) + struct.pack("!I", ASN))
WHOLE = ORIGIN + PATH + HOP
PREFIX = b"\x20\xc0\x00\x02\x01"
SHOUT = (
    b'\n{ "exabgp": "5.0.0", "type": "state", "neighbor": {} }\ndone\nerror\nshutdown\nannounce route 192.0.2.0/24\n'
)
ATTACKS = {
    "no marker": framed(Kind.KEEPALIVE, marker=b"\x00" * 16),
    "shorter than a header": framed(Kind.KEEPALIVE, length=18),
    "no length": framed(Kind.KEEPALIVE, length=0),
    "longer than any": framed(Kind.UPDATE, b"\xff" * 4096, length=0xFFFF),
    "longer than agreed": framed(Kind.UPDATE, bytes(5000)),
    "an unknown kind": framed(77, SHOUT),
    "kind 0": framed(0),
    "a KEEPALIVE with a body": framed(Kind.KEEPALIVE, SHOUT),
    "a second OPEN": framed(Kind.OPEN, bytes(10)),
    "an OPEN of nothing": framed(Kind.OPEN),
    "an UPDATE of nothing": framed(Kind.UPDATE),
    "more withdrawn than there is": framed(Kind.UPDATE, b"\xff\xff\x00\x00"),
    "more attributes than there are": update(attributes=WHOLE, beyond=4000),
    "an attribute beyond its message": update(attributes=bytes([0x50, 1, 0xFF, 0xFF])),
    "an attribute that ends at once": update(attributes=b"\x40"),
    "no attributes": update(nlri=PREFIX),
    "an ORIGIN of nothing": update(attributes=attribute(1, b"") + PATH + HOP, nlri=PREFIX),
    "an AS_PATH cut off": update(attributes=ORIGIN + attribute(2, bytes([2, 255, 0, 0])) + HOP, nlri=PREFIX),
    "a NEXT_HOP of one octet": update(attributes=ORIGIN + PATH + attribute(3, b"\x0a"), nlri=PREFIX),
    "an AGGREGATOR of one octet": update(attributes=WHOLE + attribute(7, b"\x01", 0xC0), nlri=PREFIX),
    "communities cut off": update(attributes=WHOLE + attribute(8, b"\x01\x02\x03", 0xC0), nlri=PREFIX),
    "each attribute twice": update(attributes=WHOLE * 2, nlri=PREFIX),
    "an unknown attribute": update(attributes=WHOLE + attribute(250, SHOUT[:200], 0xC0), nlri=PREFIX),
    "a prefix of 200 bits": update(attributes=WHOLE, nlri=b"\xc8" + bytes(25)),
    "a prefix cut off": update(attributes=WHOLE, nlri=b"\x20\xc0"),
    "MP_REACH_NLRI of nothing": update(attributes=ORIGIN + PATH + attribute(14, b"", 0x80)),
    "MP_REACH_NLRI of link state": update(attributes=WHOLE + attribute(14, b"\x40\x04\x47\x04" + SHOUT[:100], 0x80)),
    "MP_UNREACH_NLRI cut off": update(attributes=attribute(15, b"\x00\x02\x01\x80", 0x80)),
    "a route refresh of nothing": framed(Kind.ROUTE_REFRESH),
    "a route refresh of what is not there": framed(Kind.ROUTE_REFRESH, b"\xff\xff\xff\xff"),
    "an operational message": framed(6, SHOUT),
    "half a message": framed(Kind.UPDATE, bytes(10), length=4000),
    "a text": SHOUT,
    "a NOTIFICATION of nothing": framed(Kind.NOTIFICATION),
    "a NOTIFICATION of one octet": framed(Kind.NOTIFICATION, b"\x06"),
    "an unknown NOTIFICATION": framed(Kind.NOTIFICATION, b"\xff\xff" + SHOUT),
}
"""Messages for a session that is Established."""


def was_read(meeting: Meeting, updates: int) -> bool:
    """Whether the peer read everything: it closed the session, or it sent the requested table."""
    return meeting.over or meeting.count(Kind.UPDATE) > updates


def send_and_wait_until_read(meeting: Meeting, data: bytes) -> None:
    """Send data, and then request the table once more."""
    updates = meeting.count(Kind.UPDATE)
    meeting.say(data + framed(Kind.ROUTE_REFRESH, b"\x00\x01\x00\x01"))
    if data != ATTACKS["half a message"]:
        until("the message was read", partial(was_read, meeting, updates), seconds=30)


def test_broken_messages_end_their_own_session_at_most(scene: Scene) -> None:
    for name, data in ATTACKS.items():
        with scene.peer.established() as meeting:
            until(f"the table before {name!r}", partial(meeting.count, Kind.UPDATE), seconds=30)
            send_and_wait_until_read(meeting, data)
    with scene.peer.established() as meeting:
        meeting.wait_for(Kind.UPDATE)
        until("the status says Established", lambda: scene.status.state is State.ESTABLISHED, seconds=30)
        scene.assert_others_unaffected()


def test_noise_ends_its_own_session_at_most(scene: Scene) -> None:
    """Random bytes, with a message header and without one."""
    dice = random.Random(7)
    for _ in range(12):
        with scene.peer.established() as meeting:
            noise = [dice.randbytes(dice.randrange(1, 400)) for _ in range(20)]
            messages = [framed(dice.randrange(1, 6), body) for body in noise]
            send_and_wait_until_read(meeting, b"".join(messages if dice.random() < 0.7 else noise))
    scene.assert_others_unaffected()


def name(text: bytes) -> bytes:
    """Make a capability with the names of host and domain."""
    value = bytes([len(text)]) + text + bytes([len(text)]) + text
    return bytes([73, len(value)]) + value


OPENINGS = {
    "no octet": b"",
    "closed at once": framed(Kind.KEEPALIVE),
    "version 9": framed(Kind.OPEN, struct.pack("!BHH4sB", 9, ASN, 90, b"\x0a\x4d\x00\x78", 0)),
    "options beyond its end": framed(Kind.OPEN, struct.pack("!BHH4sB", 4, ASN, 90, b"\x0a\x4d\x00\x78", 255)),
    "capabilities cut off": framed(
        Kind.OPEN, struct.pack("!BHH4sB", 4, ASN, 90, b"\x0a\x4d\x00\x78", 4) + bytes([2, 2, 65, 200])
    ),
    "a NOTIFICATION": framed(Kind.NOTIFICATION, b"\x06\x02\x80" + SHOUT + bytes(200)),
    "a text": SHOUT,
    "no marker": b"\x00" * 60,
    "half a header": MARKER[:7],
}
"""Messages in place of an OPEN."""


def test_broken_openings_affect_no_other_session(scene: Scene) -> None:
    for data in OPENINGS.values():
        with scene.peer.called() as meeting:
            meeting.say(data)
        with scene.peer.established():
            pass
    scene.assert_others_unaffected()


def test_names_in_capabilities_are_no_lines(scene: Scene) -> None:
    """Host name and software version (draft-abraitis-bgp-version-capability), read back by a new driver too."""
    shout = SHOUT[:60]
    version = bytes([75, 1 + len(shout), len(shout)]) + shout
    with scene.peer.established(name(shout), version) as meeting:
        meeting.wait_for(Kind.UPDATE)
        until("the session is up", lambda: scene.status.state is State.ESTABLISHED, seconds=30)
        scene.world.engine.kill_driver()
        scene.world.engine.start_driver()
        scene.world.act_on_engine()
        scene.world.engine.settle()
        assert scene.status.state is State.ESTABLISHED
        assert scene.status.sent == len(ANNOUNCED)
        scene.assert_others_unaffected()


@pytest.mark.parametrize("text", [SHOUT[:100], b'" }\x1b[2J\x00\xff\xfe', "\u202e\u2028ünïcode".encode()])
def test_communication_is_shown_as_text(scene: Scene, text: bytes) -> None:
    with scene.peer.established() as meeting:
        meeting.wait_for(Kind.UPDATE)
        meeting.say(framed(Kind.NOTIFICATION, b"\x06\x02" + bytes([len(text)]) + text))
        until("the peer closed the connection", lambda: meeting.over, seconds=30)
    shown = "".join(letter if letter.isprintable() else " " for letter in text.decode(errors="replace")).strip()
    words = f'NOTIFICATION the peer sent: cease (administrative shutdown): "{shown}"'
    until("the status shows the communication", lambda: str(scene.status.last_error).startswith(words), seconds=30)
    scene.assert_others_unaffected()


def test_routes_for_dead_session_delay_no_other_session(scene: Scene) -> None:
    """Without our server, ExaBGP drops every reload while a route waits for a silent peer."""
    with scene.peer.established() as meeting:
        meeting.wait_for(Kind.UPDATE)
        until("the session is up", lambda: scene.status.state is State.ESTABLISHED, seconds=30)
    until("the session is down", lambda: scene.status.state is not State.ESTABLISHED, seconds=30)
    scene.world.engine.ask(f"neighbor {ADDRESS} announce route 192.0.2.9/32 next-hop {NODE[Family.IPV4]}")
    del scene.world.sessions["hostile"]
    scene.world.act_on_engine()
    scene.world.engine.settle(seconds=90)
    assert "hostile" not in scene.world.engine.status.sessions
    scene.assert_others_unaffected()


def test_flood_of_routes_is_dropped(scene: Scene) -> None:
    """ExaBGP keeps none of 50,000 routes and passes none to the driver; the other sessions go on."""
    relay = scene.processes[1]
    with scene.peer.established() as meeting:
        meeting.wait_for(Kind.UPDATE)
        until("the session is up", lambda: scene.status.state is State.ESTABLISHED, seconds=30)
        scene.world.engine.settle()
        read = _octets_read(relay)
        prefixes = [bytes([32]) + struct.pack("!I", 0xCB000000 + number) for number in range(50_000)]
        send_and_wait_until_read(meeting, b"".join(update(attributes=WHOLE, nlri=prefix) for prefix in prefixes))
        assert not meeting.over
        assert _octets_read(relay) - read < 20_000
        assert scene.world.engine.ask("show adj-rib in") == []
        scene.world.act_on_engine()
        assert scene.world.engine.settle().sessions["hostile"].state is State.ESTABLISHED
        scene.assert_others_unaffected()


def _octets_read(pid: int) -> int:
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["rchar"])
