"""What ExaBGP is given to read means what was meant, whatever stands in names, passwords and interfaces."""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exalb_bgp.engine import bare
from exalb_bgp.exabgp import config, limits, shown, wire
from exalb_bgp.paths import completed, resolve
from exalb_bgp.rib import Address, Attributes, Prefix
from exalb_bgp.session import Family, Password, Session
from exalb_bgp.steps import Announce, EndOfRib, Replay, Restart, Step, Withdraw
from tests.golden.bgp.cases import HELPER
from tests.golden.bgp.reading import Reader
from tests.golden.bgp.test_texts import HERE_HELPER
from tests.laws.bgp import values

ADDRESS = r"[0-9a-f.:]+"
NUMBER = r"\d+"
PREFIXES = rf"(?: {ADDRESS}/{NUMBER})+"
ATTRIBUTES = "".join(
    (
        rf"next-hop {ADDRESS}",
        rf"(?: as-path \[(?: {NUMBER})+ \])?(?: med {NUMBER})?(?: local-preference {NUMBER})?",
        rf"(?: community \[(?: {NUMBER}:{NUMBER})+ \])?(?: large-community \[(?: {NUMBER}:{NUMBER}:{NUMBER})+ \])?",
        rf"(?: extended-community \[(?: (?:target|origin|bandwidth):{NUMBER}:{NUMBER})+ \])?",
    )
)
COMMAND = re.compile(
    rf"(?:neighbor {ADDRESS} , )*neighbor {ADDRESS} "
    rf"(?:announce attributes {ATTRIBUTES} nlri{PREFIXES}|withdraw attributes nlri{PREFIXES}"
    r"|announce eor ipv[46] unicast|flush adj-rib out|teardown 6)",
    re.ASCII,
)
"""All that may ever be said to ExaBGP of a step."""
plain_sessions = values.sessions.filter(lambda session: limits.problem(session) is None)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """ExaBGP's parser, for all examples."""
    with Reader() as reader:
        yield reader


@given(sessions=values.speakers)
def test_a_configuration_is_read_as_it_was_meant(reader: Reader, sessions: Mapping[str, Session]) -> None:
    good, bad = limits.usable(sessions)
    assert good.keys() | bad.keys() == sessions.keys()
    text = config.render(good.values(), HERE_HELPER)
    neighbors = reader.parse([text], [])[text]
    assert isinstance(neighbors, list), f"{neighbors}:\n{text}"
    read = {ip_address(neighbor["peer-address"]): neighbor for neighbor in neighbors}
    meant = {bare(session.peer_address): session for session in good.values()}
    assert {address: _read(neighbor) for address, neighbor in read.items()} == {
        address: _meant(session) for address, session in meant.items()
    }


def _read(neighbor: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what ExaBGP made of it, in the words of `_meant`."""
    told = {name: neighbor[name] for name in _meant(PLAIN) if name in neighbor}
    encoded = neighbor["md5-password"]
    return told | {
        "password": base64.b64decode(encoded, validate=True) if encoded else None,
        "graceful-restart": neighbor["capability"]["graceful-restart"] or None,
    }


def _meant(session: Session) -> dict[str, Any]:
    """Tell what a session says, in ExaBGP's words."""
    local, both = session.local_address, session.families == set(Family)
    return {
        "description": next(iter(config.stamps([session]).values())),
        "peer-address": str(bare(session.peer_address)),
        "local-address": None if local is None else str(bare(local)),
        "local-as": str(session.local_asn),
        "peer-as": str(session.peer_asn),
        "router-id": str(session.router_id),
        "connect": str(session.peer_port),
        "hold-time": str(session.hold_time),
        "source-interface": session.source_interface,
        "passive": str(session.passive),
        "listen": str(session.listen_port if session.passive else 0),
        "outgoing-ttl": None if session.ebgp_multihop is None else str(session.ebgp_multihop),
        "incoming-ttl": "255" if session.ttl_security else None,
        "families": sorted(f"{family.value} unicast" for family in session.families),
        "nexthops": ["ipv4 unicast ipv6"] if session.extended_next_hop and both else [],
        "password": session.password.value if session.password else None,
        "graceful-restart": session.graceful_restart,
        "manual-eor": "True",
        "adj-rib-in": "False",
        "adj-rib-out": "True",
    }


PLAIN = Session("tor", IPv4Address("10.77.0.100"), 64512, 64513, IPv4Address("10.77.0.11"))


@given(session=plain_sessions)
def test_what_exabgp_shows_of_a_configuration_is_understood(reader: Reader, session: Session) -> None:
    text = config.render([session], HERE_HELPER)
    [neighbor] = reader.parse([text], [])[text]
    interfaces = {bare(session.peer_address): session.source_interface}
    assert config.running(neighbor["shown"]) == (config.stamps([session]), interfaces)


@given(session=plain_sessions, name=values.texts, octets=st.binary(min_size=1, max_size=80))
def test_no_string_adds_a_line_or_a_word(session: Session, name: str, octets: bytes) -> None:
    """Names leave no trace at all; passwords and interfaces stay within their quotes."""
    told = replace(session, password=Password(octets), source_interface="eth0")
    assert config.render([replace(told, peer=name)], HELPER) == config.render([told], HELPER)
    blank = config.render([replace(told, password=Password(b"x"))], HELPER)
    assert _skeleton(config.render([told], HELPER)) == _skeleton(blank)
    if limits.problem(changed := replace(told, source_interface=name)) is None:
        assert _skeleton(config.render([changed], HELPER)) == _skeleton(blank)


def _skeleton(text: str) -> str:
    assert text.isascii()
    return re.sub(r'"[^"\n]*"', '""', text)


@st.composite
def announcements(draw: st.DrawFn) -> Announce:
    """Any announcement as it goes on the wire."""
    session, version = draw(plain_sessions), draw(st.sampled_from([4, 6]))
    wanted, hop = draw(values.attributes(values.hops(version))), draw(values.hops(version))
    return Announce(session, resolve(wanted, wanted.next_hop or hop, session), draw(values.prefixes(version)))


@given(step=announcements())
def test_an_announcement_is_read_as_it_was_meant(reader: Reader, step: Announce) -> None:
    line = wire.command(step)
    assert COMMAND.fullmatch(line)
    told = reader.parse([], [line])[line]
    assert (told["name"], told["neighbors"]) == ("announce attributes", [[f"neighbor {_peer(step.session)}"]])
    read = {prefix: completed(attributes, step.session) for prefix, attributes in _routes(told).items()}
    assert read == dict.fromkeys(step.prefixes, step.attributes)


@given(step=announcements(), others=st.lists(values.hops(4) | values.hops(6), min_size=1, unique=True))
def test_what_several_peers_are_told_alike_is_said_once(reader: Reader, step: Announce, others: list[Address]) -> None:
    alike = [replace(step, session=replace(step.session, peer_address=other)) for other in others]
    different = replace(step, attributes=replace(step.attributes, med=(step.attributes.med or 0) ^ 1))
    flush = Replay(step.session)
    told = list(wire.commands([*alike, flush, different]))
    assert [list(steps) for _, steps in told] == [[flush], alike, [different]]
    line = told[1][0]
    assert COMMAND.fullmatch(line)
    read = reader.parse([], [line])[line]
    assert read["neighbors"] == [[f"neighbor {_peer(one.session)}"] for one in alike]
    assert read["routes"] == reader.parse([], [wire.command(step)])[wire.command(step)]["routes"]


@given(session=plain_sessions, prefixes=values.prefixes(4) | values.prefixes(6))
def test_a_withdrawal_is_read_as_it_was_meant(reader: Reader, session: Session, prefixes: tuple[Prefix, ...]) -> None:
    line = wire.command(Withdraw(session, prefixes))
    assert COMMAND.fullmatch(line)
    told = reader.parse([], [line])[line]
    assert (told["name"], told["neighbors"]) == ("withdraw attributes", [[f"neighbor {_peer(session)}"]])
    assert {ip_network(route["prefix"]) for route in told["routes"]} == set(prefixes)


@given(session=plain_sessions)
def test_every_other_command_is_the_one_that_was_meant(reader: Reader, session: Session) -> None:
    steps: dict[str, Step] = {
        "announce eor": EndOfRib(session, Family.IPV6),
        "flush adj-rib out": Replay(session),
        "teardown": Restart(session),
    }
    for name, step in steps.items():
        line = wire.command(step)
        assert COMMAND.fullmatch(line)
        told = reader.parse([], [line])[line]
        assert (told["name"], told["neighbors"]) == (name, [[f"neighbor {_peer(session)}"]])


def _peer(session: Session) -> Address:
    return bare(session.peer_address)


def _routes(told: Mapping[str, Any]) -> dict[Prefix, Attributes]:
    assert isinstance(told["routes"], list), told["routes"]
    return {
        ip_network(route["prefix"]): shown.shown(route["attributes"], ip_address(route["nlri"]["nexthop"]))
        for route in told["routes"]
    }
