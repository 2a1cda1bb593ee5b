"""ExaBGP reads configurations and commands as intended, with any names, passwords and interfaces."""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exalb_bgp import limits
from exalb_bgp.events import Event, UpdateSent
from exalb_bgp.exabgp import config_text
from exalb_bgp.exabgp.driver import api_attributes, api_lines
from exalb_bgp.paths import completed, resolve
from exalb_bgp.rib import Address, Attributes, Prefix, without_zone
from exalb_bgp.session import Family, Password, Session
from exalb_bgp.steps import Announce, EndOfRib, ResendAll, ResetSession, Step, Withdraw
from tests.laws.bgp import values
from tests.support.bgp.config_cases import HELPER, HERE_HELPER
from tests.support.bgp.config_reading import Reader

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
    r"|announce eor ipv[46] unicast|flush adj-rib out|teardown (6|10))",
    re.ASCII,
)
"""All commands that a step may produce."""
plain_sessions = values.sessions.filter(lambda session: limits.problem(session) is None)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    """ExaBGP's parser, for all examples."""
    with Reader() as reader:
        yield reader


@given(sessions=values.speakers)
def test_exabgp_reads_configuration_as_intended(reader: Reader, sessions: Mapping[str, Session]) -> None:
    good, bad = limits.split_valid(sessions)
    assert good.keys() | bad.keys() == sessions.keys()
    text = config_text.render(good.values(), HERE_HELPER)
    neighbors = reader.parse([text], [])[text]
    assert isinstance(neighbors, list), f"{neighbors}:\n{text}"
    read = {ip_address(neighbor["peer-address"]): neighbor for neighbor in neighbors}
    meant = {without_zone(session.peer_address): session for session in good.values()}
    assert {address: _read(neighbor) for address, neighbor in read.items()} == {
        address: _meant(session) for address, session in meant.items()
    }


def _read(neighbor: Mapping[str, Any]) -> dict[str, Any]:
    """Return the neighbor that ExaBGP parsed, with the keys of `_meant`."""
    parameters = {name: neighbor[name] for name in _meant(PLAIN) if name in neighbor}
    encoded = neighbor["md5-password"]
    return parameters | {
        "password": base64.b64decode(encoded, validate=True) if encoded else None,
        "graceful-restart": neighbor["capability"]["graceful-restart"] or None,
    }


def _meant(session: Session) -> dict[str, Any]:
    """Return the parameters of a session, with the keys of ExaBGP."""
    local, both = session.local_address, session.families == set(Family)
    return {
        "description": next(iter(config_text.fingerprints([session]).values())),
        "peer-address": str(without_zone(session.peer_address)),
        "local-address": None if local is None else str(without_zone(local)),
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
def test_configuration_that_exabgp_shows_is_parsed(reader: Reader, session: Session) -> None:
    text = config_text.render([session], HERE_HELPER)
    [neighbor] = reader.parse([text], [])[text]
    interfaces = {without_zone(session.peer_address): session.source_interface}
    assert config_text.read_running(neighbor["shown"]) == (config_text.fingerprints([session]), interfaces)


@given(session=plain_sessions, name=values.texts, octets=st.binary(min_size=1, max_size=80))
def test_string_adds_no_line_and_no_word(session: Session, name: str, octets: bytes) -> None:
    """Names are not in the configuration; passwords and interfaces stay within their quotes."""
    changed_session = replace(session, password=Password(octets), source_interface="eth0")
    assert config_text.render([replace(changed_session, peer=name)], HELPER) == config_text.render(
        [changed_session], HELPER
    )
    blank = config_text.render([replace(changed_session, password=Password(b"x"))], HELPER)
    assert _skeleton(config_text.render([changed_session], HELPER)) == _skeleton(blank)
    if limits.problem(changed := replace(changed_session, source_interface=name)) is None:
        assert _skeleton(config_text.render([changed], HELPER)) == _skeleton(blank)


def _skeleton(text: str) -> str:
    assert text.isascii()
    return re.sub(r'"[^"\n]*"', '""', text)


@st.composite
def announcements(draw: st.DrawFn) -> Announce:
    """Any announcement, with attributes as on the wire."""
    session, version = draw(plain_sessions), draw(st.sampled_from([4, 6]))
    hops = values.hops(version) | values.hops(6)  # an IPv4 prefix may have an IPv6 next hop (RFC 8950)
    wanted, hop = draw(values.attributes(hops)), draw(hops)
    return Announce(session, resolve(wanted, wanted.next_hop or hop, session), draw(values.prefixes(version)))


@given(step=announcements())
def test_exabgp_reads_announcement_as_intended(reader: Reader, step: Announce) -> None:
    line = api_lines.command(step)
    assert COMMAND.fullmatch(line)
    parsed = reader.parse([], [line])[line]
    assert (parsed["name"], parsed["neighbors"]) == ("announce attributes", [[f"neighbor {_peer(step.session)}"]])
    read = {prefix: completed(attributes, step.session) for prefix, attributes in _routes(parsed).items()}
    assert read == dict.fromkeys(step.prefixes, step.attributes)
    _ours_is_the_same(parsed, step.prefixes)


def _ours_is_the_same(parsed: Mapping[str, Any], prefixes: Sequence[Prefix]) -> None:
    """Compare what our own parser reads, and what it reports of UPDATEs, with what ExaBGP does."""
    if any(prefix.version == 4 and int(prefix.network_address) >> 28 == 14 for prefix in prefixes):
        assert parsed["ours"] is None, "ExaBGP takes it for a multicast prefix"
        return
    assert parsed["ours"] == parsed["routes"]
    ours, theirs = parsed["ribs"]
    assert ours == theirs
    native = prefixes[0].version == 4 and ":" not in str(parsed["routes"][0]["nlri"]["nexthop"])
    assert all(ours == (shown if native else None) for shown, ours in parsed["updates"])
    reported = [api_lines.event(_sent(shown)) for shown, _ in parsed["updates"]]
    assert {prefix for event in reported for prefix in _named(event)} == set(prefixes)


def _sent(message: Any) -> str:
    body = {"address": {"peer": "192.0.2.1"}, "direction": "send", "message": message}
    return json.dumps({"type": "update", "neighbor": body})


def _named(event: Event | None) -> Iterator[Prefix]:
    assert isinstance(event, UpdateSent)
    yield from event.withdrawn
    for _, prefixes in event.announced:
        yield from prefixes


@given(step=announcements(), others=st.lists(values.hops(4) | values.hops(6), min_size=1, unique=True))
def test_equal_announcements_to_several_peers_are_one_command(
    reader: Reader, step: Announce, others: list[Address]
) -> None:
    alike = [replace(step, session=replace(step.session, peer_address=other)) for other in others]
    different = replace(step, attributes=replace(step.attributes, med=(step.attributes.med or 0) ^ 1))
    flush = ResendAll(step.session)
    parsed = list(api_lines.commands([*alike, flush, different]))
    assert [list(steps) for _, steps in parsed] == [[flush], alike, [different]]
    line = parsed[1][0]
    assert COMMAND.fullmatch(line)
    read = reader.parse([], [line])[line]
    assert read["neighbors"] == [[f"neighbor {_peer(equal.session)}"] for equal in alike]
    assert read["routes"] == reader.parse([], [api_lines.command(step)])[api_lines.command(step)]["routes"]


@given(session=plain_sessions, prefixes=values.prefixes(4) | values.prefixes(6))
def test_exabgp_reads_withdrawal_as_intended(reader: Reader, session: Session, prefixes: tuple[Prefix, ...]) -> None:
    line = api_lines.command(Withdraw(session, prefixes))
    assert COMMAND.fullmatch(line)
    parsed = reader.parse([], [line])[line]
    assert (parsed["name"], parsed["neighbors"]) == ("withdraw attributes", [[f"neighbor {_peer(session)}"]])
    assert {ip_network(route["prefix"]) for route in parsed["routes"]} == set(prefixes)
    _ours_is_the_same(parsed, prefixes)


@pytest.mark.parametrize(
    "command",
    [
        "neighbor 192.0.2.1 announce attributes next-hop 192.0.2.2 nlri 198.51.100.1/24",
        "neighbor 192.0.2.1 announce attributes next-hop 192.0.2.2 nlri 198.51.100.1/32 198.51.100.2/33",
        "neighbor 192.0.2.1 announce attributes next-hop 192.0.2.2 nlri 198.51.100.1/32 2001:db8::1/128",
        "neighbor 192.0.2.1 announce attributes next-hop 192.0.2.2 nlri 198.51.100.1/32 198.51.100.2",
        "neighbor 192.0.2.1 announce attributes next-hop 192.0.2.2 nlri 198.51.100.1/32 ",
        "neighbor 192.0.2.1 announce attributes next-hop 192.0.2.2 nlri",
        "neighbor 192.0.2.1 announce attributes next-hop 192.0.2.2 rd 1:1 nlri 198.51.100.1/32",
        "neighbor 192.0.2.1 announce attributes wisdom 5 nlri 198.51.100.1/32",
        "neighbor 192.0.2.1 announce route 198.51.100.1/32 next-hop 192.0.2.2",
        "announce attributes next-hop 192.0.2.2 nlri 198.51.100.1/32",
    ],
)
def test_other_and_malformed_commands_are_left_to_exabgp(reader: Reader, command: str) -> None:
    assert reader.parse([], [command])[command]["ours"] is None


@given(session=plain_sessions)
def test_exabgp_reads_other_commands_as_intended(reader: Reader, session: Session) -> None:
    steps: dict[str, Step] = {
        "announce eor": EndOfRib(session, Family.IPV6),
        "flush adj-rib out": ResendAll(session),
        "teardown": ResetSession(session),
    }
    for name, step in steps.items():
        line = api_lines.command(step)
        assert COMMAND.fullmatch(line)
        parsed = reader.parse([], [line])[line]
        assert (parsed["name"], parsed["neighbors"]) == (name, [[f"neighbor {_peer(session)}"]])


def _peer(session: Session) -> Address:
    return without_zone(session.peer_address)


def _routes(parsed: Mapping[str, Any]) -> dict[Prefix, Attributes]:
    assert isinstance(parsed["routes"], list), parsed["routes"]
    return {
        ip_network(route["prefix"]): api_attributes.shown(route["attributes"], ip_address(route["nlri"]["nexthop"]))
        for route in parsed["routes"]
    }
