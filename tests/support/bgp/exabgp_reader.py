"""The other end of `reading.Reader`: a program that reads with ExaBGP's parser and prints the result."""

import json
import sys
from typing import Any

from exabgp.bgp.neighbor import NeighborTemplate
from exabgp.configuration.configuration import Configuration
from exabgp.environment import getenv
from exabgp.logger import log
from exabgp.reactor.api import API
from exabgp.reactor.api.command.limit import extract_neighbors


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
    return {"name": name, "neighbors": neighbors, "routes": _routes(command) if name.endswith("attributes") else []}


def _routes(command: str) -> Any:
    api = API(object())
    changes = api.api_attributes(command, [])
    if not changes:
        return str(api.configuration.tokeniser.error) or "no route"
    return [{"prefix": str(change.nlri.cidr), **change.as_dict()} for change in changes]


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
