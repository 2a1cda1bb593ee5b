"""The client commands that ask a running cluster: their options. The work is imported when a command runs."""

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from exalb.cli.options import manifests_option

EXIT_CODES = "Exit codes: 0 all is well, 1 something is wrong, 2 the command line or the cluster cannot be used."

_TARGET = (
    click.option("--kubeconfig", metavar="FILE", help="kubeconfig file; without it KUBECONFIG, or ~/.kube/config."),
    click.option("--context", metavar="NAME", help="Context of the kubeconfig; without it the current one."),
    click.option("-n", "--namespace", metavar="NAME", help="Namespace of Services; without it that of the context."),
    click.option(
        "--exalb-namespace",
        metavar="NAME",
        default="exalb-system",
        show_default=True,
        envvar="EXALB_NAMESPACE",
        help="ExaLB's own namespace, which holds the Lease of the controllers.",
    ),
    click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "wide", "json", "yaml"]),
        default="text",
        show_default=True,
        help="Text for people, wide with the names of all nodes, or JSON or YAML for programs.",
    ),
)


def _asks_cluster(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that choose the cluster and the form of the output."""
    for option in reversed(_TARGET):
        command = option(command)
    return command


def _watches_cluster(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that choose the cluster, for a command without output of its own."""
    for option in (_TARGET[3], _TARGET[1], _TARGET[0]):
        command = option(command)
    return command


def _kinds(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the kinds of subjects that begin so, while the first word is typed."""
    kinds = () if context.params.get("subject") else ("service/", "address/", "peer/", "node/")
    return [CompletionItem(kind) for kind in kinds if kind.startswith(incomplete)]


@click.command(epilog=EXIT_CODES)
@_asks_cluster
def status(**target: str) -> int:
    """Show on one screen whether all is well in the cluster, and every problem with its next step."""
    from exalb.cli import live  # noqa: PLC0415

    return live.show_status(live.Target(**target))


@click.command(
    epilog=f"{EXIT_CODES}\n\n\b\nExamples:\n  kubectl exalb explain service/web -n shop\n"
    "  kubectl exalb explain address/198.51.100.7\n  kubectl exalb explain peer/tor\n  kubectl exalb explain node/n1"
)
@click.argument("subject", metavar="SUBJECT", nargs=-1, required=True, shell_complete=_kinds)
@_asks_cluster
def explain(subject: tuple[str, ...], **target: str) -> int:
    """Show why something has no traffic, step by step, with the first broken step and what to do about it.

    SUBJECT is service/NAME, address/IP, peer/NAME or node/NAME; or two words, such as service NAME. Names that kubectl
    has for a kind will do, such as svc or bgppeers.exalb.io.
    """
    from exalb.cli import live  # noqa: PLC0415

    return live.explain(live.Target(**target), subject)


@click.command(epilog=EXIT_CODES)
@click.option("-w", "--watch", is_flag=True, help="Print each session again when it changes, until interrupted.")
@_asks_cluster
def peers(*, watch: bool, **target: str) -> int:
    """Show every BGP session: node, peer, state, since when, prefixes sent and wanted, and the last error."""
    from exalb.cli import live, tables  # noqa: PLC0415

    return tables.show_peers(live.Target(**target), watch=watch)


@click.command(
    epilog=f"{EXIT_CODES}\n\n\b\nExamples:\n  kubectl exalb routes\n  kubectl exalb routes 198.51.100.0/24\n"
    "  kubectl exalb routes service/web -n shop"
)
@click.argument("only", metavar="[PREFIX|SERVICE]", required=False)
@_asks_cluster
def routes(only: str | None, **target: str) -> int:
    """Show each prefix with its Services, nodes, peers and path attributes: sent, not sent or withheld, and why."""
    from exalb.cli import live, tables  # noqa: PLC0415

    return tables.show_routes(live.Target(**target), only)


@click.command(epilog=EXIT_CODES)
@_asks_cluster
def pools(**target: str) -> int:
    """Show how full each pool is, and which Services have its addresses."""
    from exalb.cli import live, tables  # noqa: PLC0415

    return tables.show_pools(live.Target(**target))


@click.command(
    epilog="Exit codes: 0 good, 1 as bad as --fail-on says, 2 the input or the cluster cannot be used.\n\n"
    "\b\nExample:\n  kubectl exalb diff -f change.yaml --fail-on withdrawn"
)
@manifests_option
@click.option(
    "--fail-on",
    type=click.Choice(["error", "withdrawn", "change"]),
    default="error",
    show_default=True,
    help="Exit with 1 for errors, lost addresses and refused Services; for withdrawn routes and for addresses that"
    " leave the LAN of a node, too; or for any change.",
)
@_asks_cluster
def diff(filenames: tuple[str, ...], fail_on: str, **target: str) -> int:
    """Show what manifests would change in the running cluster: errors, addresses, routes and L2. Changes nothing."""
    from exalb.cli import live  # noqa: PLC0415
    from exalb.cli.diff import show_diff  # noqa: PLC0415

    return show_diff(live.Target(**target), filenames, fail_on)


@click.command(
    epilog="Exit codes: 0 done, 1 some Service has no other node, or --wait saw no end, 2 the command line or the"
    " cluster cannot be used.\n\n\b\nExamples:\n  kubectl exalb drain n1 --simulate\n  kubectl exalb drain n1 --wait\n"
    "  kubectl exalb drain n1 --undo"
)
@click.argument("node", metavar="NODE")
@click.option("--simulate", is_flag=True, help="Only show the effect of the drain; this changes nothing.")
@click.option("--wait", is_flag=True, help="Wait until the routes are withdrawn, or with --undo until they are back.")
@click.option("--timeout", metavar="SECONDS", type=float, default=120.0, show_default=True, help="For --wait.")
@click.option("--undo", is_flag=True, help="Bring the node back.")
@click.option("--force", is_flag=True, help="Also withdraw routes that no other node announces.")
@_asks_cluster
def drain(node: str, *, simulate: bool, wait: bool, timeout: float, undo: bool, force: bool, **target: str) -> int:
    """Move the routes of a node to the other nodes, before its pods are evicted or its machine is restarted.

    It sets the annotation exalb.io/drain of the Node, which needs the right to patch nodes.
    """
    from exalb.cli import live  # noqa: PLC0415
    from exalb.cli.drain import DrainOptions, run_drain  # noqa: PLC0415

    if undo and (force or simulate):
        raise click.UsageError("--undo cannot be combined with --force or --simulate")
    options = DrainOptions(node, simulate, wait, timeout, undo, force)
    return run_drain(live.Target(**target), options)


@click.command(
    epilog="Exit codes: 0 there are lines, 1 there are none, 2 the cluster cannot be used.\n\n"
    "\b\nExample:\n  kubectl exalb logs service/web -n shop"
)
@click.argument("service", metavar="SERVICE")
@_asks_cluster
def logs(service: str, **target: str) -> int:
    """Show the decisions about a Service from the logs of the controllers and of all speakers, the oldest first."""
    from exalb.cli import live, support  # noqa: PLC0415

    return support.show_logs(live.Target(**target), service)


@click.command(
    name="support-bundle", epilog="Exit codes: 0 written, 2 the cluster cannot be used, or the file not written."
)
@click.argument("path", metavar="[FILE]", required=False)
@_asks_cluster
def support_bundle(path: str | None, **target: str) -> int:
    """Write an archive to attach to a report: status, sessions, objects, pods and logs. It has no Secrets."""
    from exalb.cli import live, support  # noqa: PLC0415

    return support.write_bundle(live.Target(**target), path)


@click.command(
    epilog="Exit codes: 0 ended by Ctrl-C, 2 the cluster cannot be used, or the port is taken.\n\n"
    "\b\nExample:\n  kubectl exalb web --port 8080"
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=7481, show_default=True, help="Port of 127.0.0.1; 0: any."
)
@_watches_cluster
def web(port: int, **target: str) -> int:
    """Serve a web page with the state of ExaLB on this machine: sessions, pools, Services and explanations, live.

    It reads with your rights, changes nothing, and costs the cluster nothing when it has ended. Nobody else on this
    machine can guess its URL.
    """
    from exalb.cli import live, web_page  # noqa: PLC0415

    return web_page.serve(live.Target(**target, namespace=None, output="text"), port)
