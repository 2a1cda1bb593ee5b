"""The other end of `reading.Reader`: a program that reads with ExaBGP's parser and prints the result.

It reads routes with our own parser inside ExaBGP too, and reports UPDATEs made of them as ExaBGP does and as we do.
"""

import json
import sys
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from exabgp.bgp.message import Action, Update
from exabgp.bgp.message.direction import Direction
from exabgp.bgp.message.open.capability import Negotiated
from exabgp.bgp.neighbor import NeighborTemplate
from exabgp.configuration.configuration import Configuration
from exabgp.environment import getenv
from exabgp.logger import log
from exabgp.protocol.family import AFI, SAFI
from exabgp.reactor.api import API
from exabgp.reactor.api.command.limit import extract_neighbors
from exabgp.reactor.api.response.json import JSON
from exabgp.rib.outgoing import OutgoingRIB

from exalb_bgp.exabgp.server.rib import PatchedRib, PatchedUpdate
from exalb_bgp.exabgp.server.routes import RouteReader, written

READER = RouteReader(API(object()))
FAMILIES = [(AFI.ipv4, SAFI.unicast), (AFI.ipv6, SAFI.unicast)]


def _neighbors(text: str) -> Any:
    configuration = Configuration([text], text=True)
    if not configuration.reload():
        return str(configuration.error)
    return [_neighbor(neighbor) for neighbor in configuration.neighbors.values()]


def _neighbor(neighbor: Any) -> dict[str, Any]:
    names = (
        "description router-id local-address source-interface peer-address local-as peer-as passive listen connect "
        "hold-time group-updates adj-rib-in adj-rib-out manual-eor md5-password md5-base64 outgoing-ttl incoming-ttl"
    )
    understood: dict[str, Any] = {
        name: None if neighbor[name] is None else str(neighbor[name]) for name in names.split()
    }
    understood["families"] = sorted(f"{afi} {safi}" for afi, safi in neighbor.families())
    understood["nexthops"] = [f"{afi} {safi} {hop}" for afi, safi, hop in neighbor.nexthops()]
    understood["capability"] = {name: neighbor["capability"][name] for name in ("route-refresh", "graceful-restart")}
    understood["api"] = sorted(name for name, helpers in neighbor.api.items() if helpers)
    understood["shown"] = NeighborTemplate.configuration(neighbor, with_changes=False).splitlines()
    return understood


def _command(text: str) -> dict[str, Any]:
    """Return which of ExaBGP's commands this is, its neighbors, and its routes."""
    registered = (name for name in API.functions if name == text or text.endswith(f" {name}") or f"{name} " in text)
    neighbors, command = extract_neighbors(text)
    name = next(registered, "")
    routes = _routes(command) if name.endswith("attributes") else []
    return {"name": name, "neighbors": neighbors, "routes": routes} | _ours(text)


def _routes(command: str) -> Any:
    api = API(object())
    changes = api.api_attributes(command, [])
    if not changes:
        return str(api.configuration.tokeniser.error) or "no route"
    return [_route(change) for change in changes]


def _route(change: Any) -> dict[str, Any]:
    return {"prefix": str(change.nlri.cidr), "index": change.index().hex(), **change.as_dict()}


def _ours(text: str) -> dict[str, Any]:
    """Return the routes that our parser reads, and each UPDATE made of them as ExaBGP reports it and as we do."""
    request = READER.read(text)
    if request is None:
        return {"ours": None, "updates": [], "ribs": []}
    negotiated = Negotiated({"capability": {"aigp": False}})
    negotiated.families, negotiated.asn4 = FAMILIES, True
    negotiated.nexthop = [(AFI.ipv4, SAFI.unicast, AFI.ipv6)]
    update = PatchedUpdate([route.nlri for route in request.routes], request.routes[0].attributes)
    updates = []
    for octets in update.messages(negotiated, include_withdraw=True):
        shown = JSON("")._update(Update.unpack_message(octets[19:], Direction.OUT, negotiated))["message"]
        ours = written(octets[19:], negotiated)
        updates.append([json.loads(shown), ours and json.loads(f"{{ {ours} }}")["message"]])
    ribs = [_held(PatchedRib(True, FAMILIES), request.routes), _held(OutgoingRIB(True, FAMILIES), request.routes)]
    return {"ours": [_route(route) for route in request.routes], "updates": updates, "ribs": ribs}


def _held(rib: Any, routes: Sequence[Any]) -> list[list[str]]:
    """Add routes twice; return after each time which routes are to be sent, and which are held.

    Routes to withdraw are held before.
    """
    found = []
    for route in routes:
        if route.nlri.action == Action.WITHDRAW:
            earlier = deepcopy(route)
            earlier.nlri.action = Action.ANNOUNCE
            rib.add_to_rib(earlier)
    list(rib.updates(True))
    for _ in range(2):
        if isinstance(rib, PatchedRib):
            rib.add_all(routes)
        else:
            for route in routes:
                rib.add_to_rib(route)
        found += [sorted(change.index().hex() for change in rib.queued_changes())]
        found += [sorted(change.index().hex() for change in rib.cached_changes(FAMILIES))]
        found += [sorted(str(nlri) for update in rib.updates(True) for nlri in update.nlris)]
    return found


def main() -> None:
    """Read requests from standard input, a line each, and answer each with a line."""
    environment = getenv()
    environment.log.enable = False
    log.init(environment)
    for line in sys.stdin:
        configurations, commands = json.loads(line)
        understood = {text: _neighbors(text) for text in configurations} | {text: _command(text) for text in commands}
        print(json.dumps(understood), flush=True)


if __name__ == "__main__":
    main()
