"""The work of `exalb peers`, `exalb routes` and `exalb pools`: rows of a running cluster."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_network
from typing import Any

from exalb.api.shorten import shorten_count
from exalb.cli import output
from exalb.cli.live import EXIT_BAD, EXIT_GOOD, EXIT_UNUSABLE, Asked, Target, run, show
from exalb.explain.answer import names
from exalb.explain.answer_json import plain
from exalb.explain.subject import service_key
from exalb.explain.tables import PeerRow, PoolRow, RouteRow, bar, nodes_text, peer_rows, pool_rows, route_rows
from exalb.model.cluster import Key
from exalb_bgp.rib import Prefix

WATCH_SECONDS = 2.0
"""How often `--watch` reads the cluster."""
PEER_COLUMNS = ("NODE", "PEER", "ADDRESS", "ASN", "STATE", "BFD", "SINCE", "SENT/WANTED", "LAST-ERROR")


def show_peers(target: Target, *, watch: bool) -> int:
    """Print every session; return 0 where all are Established and everything is sent."""
    shown: dict[tuple[str, str], PeerRow] = {}

    def work(asked: Asked) -> int:
        rows = list(peer_rows(asked.observed))
        new = [row for row in rows if shown.get((row.node, row.peer)) != row]
        if new or not shown:
            _print(target, new, PEER_COLUMNS, _peer)
        shown.update({(row.node, row.peer): row for row in rows})
        return EXIT_GOOD if all(row.is_good for row in rows) else EXIT_BAD

    code = run(target, work)
    while watch and code != EXIT_UNUSABLE:
        time.sleep(WATCH_SECONDS)
        code = run(target, work)
    return code


def _peer(row: PeerRow) -> Sequence[str]:
    counts = f"{row.sent}/{row.wanted}"
    return row.node, row.peer, row.address, row.asn, row.state, row.bfd, row.since, counts, row.error


def show_routes(target: Target, only: str | None) -> int:
    """Print a row for each prefix and state; return 1 where a route that a node announces is not sent."""
    try:
        parse_route(only, "default")
    except ValueError as error:
        print(f"exalb routes: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to a terminal
        return EXIT_UNUSABLE

    def work(asked: Asked) -> int:
        rows = list(route_rows(asked.observed, parse_route(only, asked.namespace)))
        wide = target.output == "wide"
        columns = ("PREFIX", "SERVICES", "STATUS", "NODES", "PEERS", "ATTRIBUTES", "REASON")
        _print(target, rows, columns, lambda row: _route(row, wide=wide))
        return EXIT_BAD if any(row.status == "not sent" for row in rows) else EXIT_GOOD

    return run(target, work)


def parse_route(text: str | None, namespace: str) -> Key | Prefix | None:
    """Return the prefix or the Service that a person asks for; ValueError for a wrong prefix."""
    if not text:
        return None
    if text[0].isdigit() or ":" in text:
        return ip_network(text, strict=False)
    return service_key(text, namespace)


def _route(row: RouteRow, *, wide: bool) -> Sequence[str]:
    reason = f"{row.reason}: {row.message}" if row.reason else ""
    services = " ".join(row.services) if wide else names(row.services)
    nodes = f"{len(row.nodes)}: {nodes_text(row.nodes, wide=wide)}"
    return row.prefix, services, row.status, nodes, nodes_text(row.peers, wide=wide), row.attributes, reason


def show_pools(target: Target) -> int:
    """Print how full each pool is, and which Services have its addresses."""

    def work(asked: Asked) -> int:
        wide = target.output == "wide"
        columns = ("POOL", "FAMILY", "USE", "ASSIGNED", "SERVICES")
        _print(target, list(pool_rows(asked.observed)), columns, lambda row: _pool(row, wide=wide))
        return EXIT_GOOD

    return run(target, work)


def _pool(row: PoolRow, *, wide: bool) -> Sequence[str]:
    holders = ", ".join(row.holders) if wide else names(row.holders)
    return (
        row.pool,
        row.family,
        bar(row.assigned, row.capacity),
        f"{row.assigned}/{shorten_count(row.capacity)}",
        holders,
    )


def _print(target: Target, rows: Sequence[Any], columns: Iterable[str], cells: Callable[[Any], Sequence[str]]) -> None:
    show(target, lambda: [plain(row) for row in rows], lambda: output.print_table(columns, map(cells, rows)))
