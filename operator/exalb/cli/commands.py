"""The client commands: their options. The work is imported when a command runs, so that help is quick."""

from typing import Literal

import click

from exalb.cli.options import manifests_option


@click.command(
    epilog="Exit codes: 0 good, 1 something is refused or invalid, 2 unreadable input, or nothing to plan.\n\n"
    "\b\nExample:\n  kubectl get nodes,services,endpointslices,exalb -A -o yaml |\n    exalb plan -f - -f change.yaml"
)
@manifests_option
@click.argument("more", metavar="[PATH]...", nargs=-1)
@click.option(
    "-n",
    "--namespace",
    metavar="NAME",
    default="exalb-system",
    show_default=True,
    help="The namespace with the Secrets of peers: ExaLB's own, or the chart's passwords.namespace.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A table for people, or JSON for programs.",
)
def plan(filenames: tuple[str, ...], more: tuple[str, ...], namespace: str, output: Literal["text", "json"]) -> int:
    """Show which addresses Services would get and which routes each node would announce. Needs no cluster."""
    from exalb.cli.plan import run  # noqa: PLC0415

    return run((*filenames, *more), namespace, output)
