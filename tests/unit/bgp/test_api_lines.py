"""The parser of the lines that ExaBGP writes."""

import json
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exalb_bgp.events import (
    CloseCause,
    Closed,
    EndOfRibSent,
    Established,
    Event,
    Negotiated,
    NotificationSeen,
    OpenReceived,
    StateChanged,
    UpdateSent,
)
from exalb_bgp.exabgp.driver import api_lines
from exalb_bgp.rib import Attributes, Community, ExtendedCommunity, ExtendedKind, LargeCommunity
from exalb_bgp.session import Family, State
from tests.support.bgp.api_lines import AGREED, line, path, sent

PEER, NODE = IPv4Address("10.77.0.100"), IPv4Address("10.77.0.11")
OPEN = (
    "0x04FDEA005A0A09000230022E0200490402766D000104000100010104000200014104"
    "0000FDEA400A001400010100000201000506000100010002"
)
OPEN_WITHOUT_RESTART = "0x04FDEA005A0A0900020802060104000100010200"
EXTENDED_OPEN = "0x04FDEA005A0A090002FFFF00070200044002" + "0078"


def octets(kind: str, body: str) -> str:
    return line(kind, direction="receive", message={"category": 1, "header": "0xFF", "body": body}, negotiated=AGREED)


CASES: list[tuple[str, Event | None]] = [
    (line("state", state="connected"), None),
    (line("state", state="up"), Established(PEER)),
    (line("state", state="down", reason="closing connection"), Closed(PEER, CloseCause.LOST)),
    (line("state", state="down", reason="connection to 10.77.0.100:179 failed"), Closed(PEER, CloseCause.LOST)),
    (line("state", state="down", reason="notification sent (2,2)"), Closed(PEER, CloseCause.NOTIFICATION)),
    (line("state", state="down", reason="stop, message [removed]"), Closed(PEER, CloseCause.REMOVED)),
    (
        line("state", state="down", reason="graceful restarted negotiated, closing without sending any notification"),
        Closed(PEER, CloseCause.LOCAL),
    ),
    (line("state", state="down", reason="connection received before we could"), Closed(PEER, CloseCause.REPLACED)),
    (line("state", state="down", reason=""), Closed(PEER, CloseCause.ENGINE)),
    (line("fsm", state="IDLE"), StateChanged(PEER, State.ACTIVE)),
    (line("fsm", state="OPENCONFIRM"), StateChanged(PEER, State.OPEN_CONFIRM)),
    (line("negotiated", negotiated=AGREED), Negotiated(PEER, NODE, frozenset(Family), extended_next_hop=True)),
    (
        line("negotiated", negotiated=AGREED | {"families": ["ipv4 unicast", "ipv4 flow"], "nexthop": []}),
        Negotiated(PEER, NODE, frozenset({Family.IPV4}), extended_next_hop=False),
    ),
    (octets("open", OPEN), OpenReceived(PEER, graceful_restart=True)),
    (octets("open", OPEN_WITHOUT_RESTART), OpenReceived(PEER, graceful_restart=False)),
    (octets("open", EXTENDED_OPEN), OpenReceived(PEER, graceful_restart=True)),
    (octets("notification", "0x0602036279"), NotificationSeen(PEER, sent=False, code=6, subcode=2, data=b"\x03by")),
    (
        line("notification", direction="send", notification={"code": 4, "subcode": 0, "data": "0x", "message": ""}),
        NotificationSeen(PEER, sent=True, code=4, subcode=0, data=b""),
    ),
    (sent({"eor": {"afi": "ipv6", "safi": "unicast"}}), EndOfRibSent(PEER, Family.IPV6)),
    (
        sent({"update": {"withdraw": {"ipv4 unicast": [{"nlri": "198.51.100.1/32"}, {"nlri": "198.51.100.0/24"}]}}}),
        UpdateSent(PEER, withdrawn=(ip_network("198.51.100.1/32"), ip_network("198.51.100.0/24"))),
    ),
    (line("update", direction="receive", message={"update": {}}), None),
    ('{ "exabgp": "5.0.0", "time": 1.0, "type": "notification", "notification": "shutdown" }', None),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_event_is_parsed(text: str, expected: Event | None) -> None:
    assert text.startswith(api_lines.EVENT)
    assert api_lines.event(text) == expected


def test_announcement_is_parsed_with_all_attributes() -> None:
    attribute = {
        "origin": "igp",
        "as-path": path(64512, 64512),
        "med": 7,
        "local-preference": 200,
        "community": [[65535, 0], [64512, 5]],
        "large-community": [[64512, 1, 2]],
        "extended-community": [
            {"value": 842127122628708, "string": "target:65001:100"},
            {"value": 4613091096738174592, "string": ""},
        ],
    }
    announce = {"ipv4 unicast": {"10.77.0.11": [{"nlri": "198.51.100.1/32"}, {"nlri": "198.51.100.2/32"}]}}
    event = api_lines.event(sent({"update": {"attribute": attribute, "announce": announce}}))
    attributes = Attributes(
        next_hop=NODE,
        local_pref=200,
        med=7,
        as_path_prepend=2,
        communities=(Community(64512, 5), Community(65535, 0)),
        large_communities=(LargeCommunity(64512, 1, 2),),
        extended_communities=(
            ExtendedCommunity(ExtendedKind.LINK_BANDWIDTH, 65001, 1250000),
            ExtendedCommunity(ExtendedKind.ROUTE_TARGET, 65001, 100),
        ),
    )
    prefixes = (ip_network("198.51.100.1/32"), ip_network("198.51.100.2/32"))
    assert event == UpdateSent(PEER, announced=((attributes, prefixes),))


def test_route_of_table_is_parsed_as_announced() -> None:
    shown = {
        "peer": {"address": "fe80::1"},
        "route": {
            "nlri": {"prefix": "2001:db8:100::1/128", "nexthop": "2001:db8::1", "family": {}},
            "attributes": {
                "as-path": path(64512),
                "community": ["64512:5", "65535:0", "no-export"],
                "extended-community": ["origin:65001:0.0.0.5", "0x4004FDE949989680"],
                "large-community": ["64512:1:2"],
            },
        },
    }
    tables = api_lines.tables([json.dumps(shown)])
    assert tables.keys() == {IPv6Address("fe80::1")}
    assert tables[IPv6Address("fe80::1")] == {
        ip_network("2001:db8:100::1/128"): Attributes(
            next_hop=IPv6Address("2001:db8::1"),
            as_path_prepend=1,
            communities=(Community(64512, 5), Community(65535, 0), Community(65535, 65281)),
            large_communities=(LargeCommunity(64512, 1, 2),),
            extended_communities=(
                ExtendedCommunity(ExtendedKind.LINK_BANDWIDTH, 65001, 1250000),
                ExtendedCommunity(ExtendedKind.ROUTE_ORIGIN, 65001, 5),
            ),
        )
    }


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["neighbor", "type", "address", "peer", "update"]), inner),
)


@given(st.text() | VALUES.map(json.dumps))
def test_malformed_line_raises_value_error(text: str) -> None:
    try:
        event = api_lines.event(text)
    except ValueError:
        return
    assert event is None


@given(st.binary(max_size=80))
def test_any_open_message_is_parsed(body: bytes) -> None:
    event: Any = api_lines.event(octets("open", "0x" + body.hex()))
    assert event.peer == PEER
