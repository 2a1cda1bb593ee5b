"""Lines as ExaBGP 5.0.15 writes them, made for the tests from what was seen of it."""

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
    """Return one line that tells an event of the neighbor."""
    head = '{ "exabgp": "5.0.0", "time": 1795403497.2, "host" : "node", "pid" : 7, "ppid" : 1, "counter": 11, '
    return f'{head}"type": "{kind}", "neighbor": {json.dumps(NEIGHBOR | body)} }}'


def sent(message: dict[str, Any]) -> str:
    """Return the line that tells an UPDATE that was written."""
    return line("update", direction="send", message=message, negotiated=AGREED)


def path(*numbers: int) -> dict[str, Any]:
    """Return an AS_PATH as ExaBGP shows it."""
    return {"0": {"element": "as-sequence", "value": list(numbers)}}


def neighbors(told: int, taken: int, *, established: bool = True) -> str:
    """Return the answer to `show neighbor json` after so many events and commands."""
    peer = {"address": "10.77.0.100", "capabilities": {"graceful-restart": True, "nexthop": []}}
    sent = {"update": 3, "end-of-rib": ["ipv4 unicast"], "event": told}
    families = {"families": ["ipv4 unicast"], "messages": {"sent": sent, "received": {"update": 0, "command": taken}}}
    state = {"fsm": "ESTABLISHED" if established else "ACTIVE", "state": "up" if established else "down", "duration": 7}
    return json.dumps([{"local": {"address": "10.77.0.11"}, "peer": peer, **families, **state}])
