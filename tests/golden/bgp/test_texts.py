"""Configurations and commands for ExaBGP: kept word for word, and read by ExaBGP's own parser."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from exalb_bgp.exabgp import config_text
from exalb_bgp.exabgp.driver import api_attributes, api_lines
from exalb_bgp.paths import completed
from exalb_bgp.rib import Attributes
from exalb_bgp.session import Session
from exalb_bgp.steps import Announce, Withdraw
from tests.support.bgp.config_cases import HELPER, HERE_HELPER, SESSIONS, STEPS
from tests.support.bgp.config_reading import parse
from tests.support.golden import assert_golden

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", SESSIONS)
def test_configuration_is_as_kept(name: str) -> None:
    assert_golden(HERE / f"{name}.conf", config_text.render(SESSIONS[name], HELPER))


def test_commands_are_as_kept() -> None:
    assert_golden(HERE / "commands.txt", "".join(f"{command}\n" for command, _ in api_lines.commands(STEPS)))


def test_exabgp_reads_every_configuration() -> None:
    texts = {name: config_text.render(sessions, HERE_HELPER) for name, sessions in SESSIONS.items()}
    parsed = parse(list(texts.values()), [])
    for name, sessions in SESSIONS.items():
        neighbors = parsed[texts[name]]
        assert isinstance(neighbors, list), f"{name}: {neighbors}"
        assert len(neighbors) == len(sessions)
        stamps = {neighbor["peer-address"]: neighbor["description"] for neighbor in neighbors}
        assert stamps == {str(address): stamp for address, stamp in config_text.fingerprints(sessions).items()}


def test_exabgp_means_what_the_session_says() -> None:
    [session] = SESSIONS["everything"]
    text = config_text.render([session], HERE_HELPER)
    [neighbor] = parse([text], [])[text]
    expected = {
        "router-id": str(session.router_id),
        "local-address": str(session.local_address),
        "peer-address": str(session.peer_address),
        "local-as": str(session.local_asn),
        "peer-as": str(session.peer_asn),
        "connect": str(session.peer_port),
        "hold-time": "3",
        "source-interface": "eth0.100",
        "outgoing-ttl": "5",
        "md5-base64": "True",
        "manual-eor": "True",
        "adj-rib-in": "False",
        "adj-rib-out": "True",
        "families": ["ipv4 unicast", "ipv6 unicast"],
        "nexthops": ["ipv4 unicast ipv6"],
        "capability": {"route-refresh": True, "graceful-restart": 120},
    }
    assert {name: neighbor[name] for name in expected} == expected
    assert {"send-update", "receive-notification", "receive-open", "fsm", "negotiated"} <= set(neighbor["api"])
    assert "receive-parsed" not in neighbor["api"], "ExaBGP would decode every route that a peer sends"


def test_exabgp_means_what_the_step_says() -> None:
    steps = [step for step in STEPS if isinstance(step, Announce | Withdraw)]
    parsed = parse([], [api_lines.command(step) for step in steps])
    for step in steps:
        routes = parsed[api_lines.command(step)]["routes"]
        assert isinstance(routes, list), f"{api_lines.command(step)}: {routes}"
        assert [ip_network(route["prefix"]) for route in routes] == list(step.prefixes)
        if isinstance(step, Announce):
            assert {completed(_attributes(route), step.session) for route in routes} == {step.attributes}


def _attributes(route: dict[str, dict[str, str]]) -> Attributes:
    return api_attributes.shown(route["attributes"], ip_address(route["nlri"]["nexthop"]))


@pytest.mark.parametrize("sessions", [SESSIONS["everything"]])
def test_no_octet_of_a_password_stands_in_the_clear(sessions: list[Session]) -> None:
    text = config_text.render(sessions, HELPER)
    assert "pass;word" not in text
    assert re.search(r'md5-password "[A-Za-z0-9+/=]+";', text)
