"""`exalb diff`: what manifests would change in a running cluster."""

import sys
from collections.abc import Sequence

from exalb.cli import output
from exalb.cli.live import EXIT_BAD, EXIT_GOOD, EXIT_UNUSABLE, Asked, Target, run, show
from exalb.cli.printable import printable
from exalb.explain.answer import names
from exalb.explain.answer_json import plain
from exalb.explain.difference import AddressDifference, Difference, RouteDifference, difference
from exalb.explain.lan_difference import LanDifference
from exalb.kube.manifests import UnreadableError, read, snapshot_of

FAIL_ON = ("error", "withdrawn", "change")
"""From which difference on the exit code is 1; each contains those before it."""


def show_diff(target: Target, paths: Sequence[str], fail_on: str) -> int:
    """Print the difference; return 1 where it is as bad as `fail_on` says."""
    try:
        manifests, malformed = snapshot_of(read(paths).objects, target.exalb_namespace)
    except UnreadableError as error:
        print(f"exalb diff: {error}", file=sys.stderr)  # noqa: T201 - a command speaks to a terminal
        return EXIT_UNUSABLE

    def work(asked: Asked) -> int:
        found = difference(asked.observed, manifests, malformed)
        show(target, lambda: plain(found), lambda: _print(found, wide=target.output == "wide"))
        return EXIT_BAD if fails(found, fail_on) else EXIT_GOOD

    return run(target, work)


def fails(found: Difference, fail_on: str) -> bool:
    """Return whether a difference is at least as bad as `fail_on`."""
    level = FAIL_ON.index(fail_on)
    is_worse = found.new_findings or any(item.change in ("lost", "refused") or item.reason for item in found.addresses)
    withdraws = any(route.change == "withdrawn" for route in found.routes)
    moves = any(item.change == "moved" for item in found.addresses)
    leaves = any(item.change in ("moved", "withdrawn") for item in found.l2)
    changes = found.routes or found.addresses or found.l2
    return bool(is_worse or (level >= 1 and (withdraws or moves or leaves)) or (level >= 2 and changes))


def summary(found: Difference) -> str:
    """Return the difference in one line."""
    counts = [
        *((len([item for item in found.addresses if item.change == name]), name) for name in _ADDRESSES),
        *((sum(len(item.nodes) for item in found.routes if item.change == name), name) for name in _ROUTES),
    ]
    texts = [f"{count} {(_ADDRESSES | _ROUTES)[name]}" for count, name in counts if count]
    on_lans = ((sum(item.change == name for item in found.l2), text) for name, text in _ON_LANS.items())
    texts += [f"{count} {text}" for count, text in on_lans if count]
    errors = f"{len(found.new_findings)} new errors" if found.new_findings else ""
    return "; ".join(filter(None, [errors, *texts])) or "nothing would change"


_ADDRESSES = {
    "given": "Services get an address",
    "moved": "Services move to another address",
    "lost": "Services lose their address",
    "refused": "Services are refused",
}
_ROUTES = {"announced": "routes are announced", "withdrawn": "routes are withdrawn", "changed": "routes change"}

_ON_LANS = {
    "announced": "addresses are announced on a LAN",
    "moved": "addresses move on a LAN",
    "withdrawn": "addresses are announced on no LAN any more",
}


def _print(found: Difference, *, wide: bool) -> None:
    out = output.console()
    for word, style, findings in (("error", "red", found.new_findings), ("solved", "green", found.solved_findings)):
        for item in findings:
            out.print(word, style=style, end=" ")
            text = f"{item.reason.value}: {item.kind} {item.name} {item.field}: {item.message}"
            out.print(printable(text), soft_wrap=True)
    if found.addresses:
        rows = (
            (item.change, item.service, " ".join(item.before) or "-", " ".join(item.after) or "-", _why(item))
            for item in found.addresses
        )
        output.print_table(("CHANGE", "SERVICE", "BEFORE", "AFTER", "REASON"), rows)
        out.print()
    if found.routes:
        routes = (
            (
                *(
                    item.change,
                    item.prefix,
                    f"{len(item.nodes)}: {' '.join(item.nodes) if wide else names(item.nodes)}",
                ),
                *(names(item.peers), item.before, item.after, _why(item)),
            )
            for item in found.routes
        )
        output.print_table(("CHANGE", "PREFIX", "NODES", "PEERS", "BEFORE", "AFTER", "REASON"), routes)
        out.print()
    if found.l2:
        lans = ((item.change, item.address, item.before or "-", item.after or "-", _why(item)) for item in found.l2)
        output.print_table(("CHANGE", "ADDRESS ON THE LAN", "BEFORE", "AFTER", "REASON"), lans)
        out.print()
    out.print(summary(found), style="bold", soft_wrap=True)


def _why(item: AddressDifference | RouteDifference | LanDifference) -> str:
    return f"{item.reason}: {item.message}" if item.reason else ""
