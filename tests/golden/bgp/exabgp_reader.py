"""The other end of `reading.parse`: a program that reads with ExaBGP's parser and tells what it understood."""

import json
import sys
from typing import Any

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
    told: dict[str, Any] = {name: None if neighbor[name] is None else str(neighbor[name]) for name in names.split()}
    told["families"] = sorted(f"{afi} {safi}" for afi, safi in neighbor.families())
    told["nexthops"] = [f"{afi} {safi} {hop}" for afi, safi, hop in neighbor.nexthops()]
    told["capability"] = {name: neighbor["capability"][name] for name in ("route-refresh", "graceful-restart")}
    told["api"] = sorted(name for name, helpers in neighbor.api.items() if helpers)
    return told


def _routes(text: str) -> Any:
    api = API(object())
    _, command = extract_neighbors(text)
    changes = api.api_attributes(command, [])
    if not changes:
        return str(api.configuration.tokeniser.error) or "no route"
    return [{"prefix": str(change.nlri.cidr), **change.as_dict()} for change in changes]


def main() -> None:
    """Read one request from standard input, and answer it on standard output."""
    environment = getenv()
    environment.log.enable = False
    log.init(environment)
    configurations, commands = json.load(sys.stdin)
    told = {text: _neighbors(text) for text in configurations} | {text: _routes(text) for text in commands}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
