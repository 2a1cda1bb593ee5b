"""Lines as ExaBGP 5.0.15 writes them, made for the tests after lines of a real one."""

import json
from typing import Any

NEIGHBOR = {"address": {"local": "10.77.0.11", "peer": "10.77.0.100"}, "asn": {"local": 64512, "peer": 64513}}
AGREED = {
    "message_size": 4096,
    "hold_time": 90,
    "asn4": True,
    "refresh": "normal",
    "families": ["ipv4 unicast", "ipv6 unicast"],
    "nexthop": ["ipv4 unicast ipv6"],
    "add_path": {"send": [], "receive": []},
}


def line(kind: str, **body: Any) -> str:
    """Return one line that reports an event of the neighbor."""
    head = '{ "exabgp": "5.0.0", "time": 1795403497.2, "host" : "node", "pid" : 7, "ppid" : 1, "counter": 11, '
    return f'{head}"type": "{kind}", "neighbor": {json.dumps(NEIGHBOR | body)} }}'


def sent(message: dict[str, Any]) -> str:
    """Return the line that reports a sent UPDATE."""
    return line("update", direction="send", message=message, negotiated=AGREED)


def path(*numbers: int) -> dict[str, Any]:
    """Return an AS_PATH as ExaBGP shows it."""
    return {"0": {"element": "as-sequence", "value": list(numbers)}}


def neighbors(*, established: bool = True) -> str:
    """Return the answer to `show neighbor json`."""
    peer = {"address": "10.77.0.100", "capabilities": {"graceful-restart": True, "nexthop": []}}
    sent = {"update": 3, "end-of-rib": ["ipv4 unicast"]}
    families = {"families": ["ipv4 unicast"], "messages": {"sent": sent, "received": {"update": 0}}}
    state = {"fsm": "ESTABLISHED" if established else "ACTIVE", "state": "up" if established else "down", "duration": 7}
    return json.dumps([{"local": {"address": "10.77.0.11"}, "peer": peer, **families, **state}])


ATTRIBUTES = {
    "as-path": path(64512),
    "med": 7,
    "local-preference": 200,
    "community": [[65535, 0], [64512, 5]],
    "large-community": [[64512, 1, 2]],
    "extended-community": [{"value": 842127122628708, "string": "target:65001:100"}],
}
ANNOUNCED = {"ipv4 unicast": {"10.77.0.11": [{"nlri": "198.51.100.1/32"}, {"nlri": "198.51.100.2/32"}]}}
EVENTS = [
    line("state", state="up"),
    line("state", state="down", reason="closing connection"),
    line("fsm", state="OPENCONFIRM"),
    line("negotiated", negotiated=AGREED),
    line("open", direction="receive", message={"body": "0x04FDEA005A0A0900020802060104000100010200"}),
    line("notification", direction="receive", message={"body": "0x0602036279"}),
    line("notification", direction="send", notification={"code": 6, "subcode": 2, "data": "0x036279", "message": ""}),
    sent({"eor": {"afi": "ipv6", "safi": "unicast"}}),
    sent({"update": {"withdraw": {"ipv4 unicast": [{"nlri": "198.51.100.1/32"}]}}}),
    sent({"update": {"attribute": ATTRIBUTES, "announce": ANNOUNCED}}),
]
"""One line of each event that ExaBGP reports."""
HELD = json.dumps(
    {
        "peer": {"address": "10.77.0.100"},
        "route": {
            "nlri": {"prefix": "198.51.100.1/32", "nexthop": "10.77.0.11", "family": {}},
            "attributes": {"community": ["64512:5", "no-export"], "extended-community": ["origin:65001:0.0.0.5"]},
        },
    }
)
"""One line of the answer to `show adj-rib out json`."""
NEIGHBORS = neighbors()
COUNTERS = json.dumps({"run": "0f7c", "events": 11, "commands": 12})
"""The answer of our own program around ExaBGP to `show counters`."""
