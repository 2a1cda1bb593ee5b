"""`exalb plan`: reads manifests and prints what ExaLB would do with them, without a cluster."""

import json
import sys
from collections.abc import Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from exalb.manifests import UnreadableError, picture, read
from exalb.planning import plan, to_json

_ENDLESS = 1_000_000
"""Columns, where no terminal has an end of line: whoever reads it next wants each line whole."""


def run(paths: Sequence[str], namespace: str, output: Literal["text", "json"]) -> int:
    """Print the plan for the manifests in `paths`; return 0 good, 1 something refused or invalid, 2 unreadable."""
    try:
        planned = plan(*picture(read(paths), namespace))
    except UnreadableError as error:
        print(f"exalb plan: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to a terminal
        return 2
    if output == "json":
        json.dump(to_json(planned), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _tell(to_json(planned))
    return 0 if planned.is_good else 1


def _tell(planned: dict[str, Any]) -> None:
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _ENDLESS)
    services = _table("SERVICE", "ADDRESSES", "POOL", "REASON")
    for one in planned["services"]:
        why = f"{one['reason']}: {one['message']}" if one["reason"] else ""
        name = f"{one['namespace']}/{one['name']}"
        services.add_row(name, " ".join(one["addresses"]) or "<none>", one["pool"] or "", why)
    _print(console, "Services", services, "no Service of type LoadBalancer was given")
    for node in planned["nodes"]:
        for session in node["sessions"]:
            _print(console, _title(node["name"], session), _routes(session), "nothing is announced")
        if not node["sessions"]:
            console.print(f"node {node['name']}: no sessions", soft_wrap=True)
    if not planned["nodes"]:
        console.print("no Node was given, so nobody announces anything: give Nodes as well", soft_wrap=True)
    for kind, style, found in (("invalid", "red", planned["invalid"]), ("note", "yellow", planned.get("notes", []))):
        for one in found:
            console.print(kind, style=style, end=" ")
            console.print(f"{one['kind']} {one['name']} {one['field']}: {one['message']}", soft_wrap=True)


def _print(console: Console, title: str, table: Table, otherwise: str) -> None:
    """Print a table below its title, which may be wider; where there are no rows, say what that means."""
    console.print(title, style="table.title", soft_wrap=True)
    if table.row_count:
        console.print(table)
    else:
        console.print(otherwise, soft_wrap=True)


def _title(node: str, session: dict[str, Any]) -> str:
    if not session["peerAddress"]:
        return f"node {node}: no session with {session['peer']}"
    ends = f"(AS{session['localASN']}) → {session['peer']} {session['peerAddress']} (AS{session['peerASN']})"
    return f"node {node} {ends}"


def _routes(session: dict[str, Any]) -> Table:
    table = _table("PREFIX", "NEXT HOP", "ATTRIBUTES", "FOR")
    for route in session["routes"]:
        table.add_row(route["prefix"], route["nextHop"], _attributes(route), " ".join(route["services"]))
    for one in session["withheld"]:
        table.add_row(one["prefix"], "withheld", f"{one['reason']}: {one['message']}", one["service"])
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _attributes(route: dict[str, Any]) -> str:
    parts = [
        f"{name}={route[key]}" for key, name in (("localPref", "local-pref"), ("med", "med")) if route[key] is not None
    ]
    if route["asPathPrepend"]:
        parts.append(f"prepend={route['asPathPrepend']}")
    parts += route["communities"]
    parts += [f"large:{community}" for community in route["largeCommunities"]]
    return " ".join(parts + route["extendedCommunities"])
