"""`exalb plan`: reads manifests and prints what ExaLB would do with them, without a cluster."""

import json
import sys
from collections.abc import Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from exalb.analysis.ignored_objects import ignored_objects
from exalb.analysis.plan import plan
from exalb.analysis.plan_json import to_json
from exalb.api.shorten import shorten_names
from exalb.cli.output import make_table
from exalb.cli.printable import printable
from exalb.kube.manifests import UnreadableError, is_planned, read, snapshot_of

_NEXT = 2
"""How many of the nodes that follow on a LAN are named."""
_NO_WRAP = 1_000_000
"""Columns where the output is no terminal: the next program wants each line whole."""


def run(paths: Sequence[str], namespace: str, output: Literal["text", "json"]) -> int:
    """Print the plan for the manifests in `paths`; return 0 good, 1 something refused or invalid, 2 nothing to plan."""
    try:
        objects, left_out = read(paths)
    except UnreadableError as error:
        _warn(str(error))
        return 2
    for source in left_out:
        _warn(f"{source}: left out: it holds no Kubernetes object")
    ignored = tuple(ignored_objects(objects))
    if not any(map(is_planned, objects)):
        for finding in ignored:
            _warn(f"{finding.kind} {finding.name}: {finding.message}")
        _warn("the input has nothing to plan: give manifests with Services, Nodes and ExaLB's objects")
        return 2
    planned = plan(*snapshot_of(objects, namespace), ignored)
    if output == "json":
        json.dump(to_json(planned), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print_text(_printable(to_json(planned)))
    return 0 if planned.is_good else 1


def _warn(message: str) -> None:
    print(f"exalb plan: {_printable(message)}", file=sys.stderr)  # noqa: T201 - a command speaks to a terminal


def _print_text(planned: dict[str, Any]) -> None:
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _NO_WRAP)
    services = make_table("SERVICE", "ADDRESSES", "POOL", "REASON", header=True)
    for service in planned["services"]:
        why = f"{service['reason']}: {service['message']}" if service["reason"] else ""
        name = f"{service['namespace']}/{service['name']}"
        services.add_row(name, " ".join(service["addresses"]) or "<none>", service["pool"] or "", why)
    _print(console, "Services", services, "the input has no Service of type LoadBalancer")
    for node in planned["nodes"]:
        for session in node["sessions"]:
            _print(console, _title(node["name"], session), _routes(session), "nothing is announced")
        if not node["sessions"]:
            console.print(f"node {node['name']}: no sessions", soft_wrap=True)
    if not planned["nodes"]:
        console.print("the input has no Nodes, so no routes are planned: add Nodes", soft_wrap=True)
    if lan := planned.get("l2"):
        _print(console, "on the LAN of the nodes (L2)", _lan(lan), "")
    for kind, style, findings in (("invalid", "red", planned["invalid"]), ("note", "yellow", planned.get("notes", []))):
        for finding in findings:
            console.print(kind, style=style, end=" ")
            console.print(
                f"{finding['kind']} {finding['name']} {finding['field']}: {finding['reason']}: {finding['message']}",
                soft_wrap=True,
            )


def _printable(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Make all text of JSON values printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value


def _print(console: Console, title: str, table: Table, otherwise: str) -> None:
    """Print a table below its title, which may be wider; without rows, print the sentence instead."""
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
    table = make_table("PREFIX", "NEXT HOP", "ATTRIBUTES", "FOR", header=True)
    for route in session["routes"]:
        table.add_row(route["prefix"], route["nextHop"], _attributes(route), " ".join(route["services"]))
    for row in session["withheld"]:
        table.add_row(row["prefix"], "withheld", f"{row['reason']}: {row['message']}", row["service"])
    return table


def _lan(rows: list[dict[str, Any]]) -> Table:
    table = make_table("ADDRESS", "ANNOUNCED BY", "IF IT FAILS", "FOR", header=True)
    for row in rows:
        first, *others = row["nodes"] or ["withheld"]
        why = f"{row['reason']}: {row['message']}" if row["reason"] else shorten_names(others, _NEXT) or "no other node"
        table.add_row(row["address"], first, why, " ".join(row["services"]))
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
