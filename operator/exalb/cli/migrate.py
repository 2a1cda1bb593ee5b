"""`exalb migrate`: its options."""

from pathlib import Path

import click

_EPILOG = (
    "Exit codes: 0 good, 1 something is not migrated or a step is left, 2 the input cannot be read.\n\n"
    "\b\nExample:\n  exalb migrate metallb > exalb.yaml    # the report is written to standard error"
)


@click.group()
def migrate() -> None:
    """Make ExaLB's objects from those of another load balancer."""


@migrate.command(epilog=_EPILOG)
@click.option(
    "-f",
    "--filename",
    "filenames",
    metavar="PATH",
    multiple=True,
    help="Manifests instead of the live cluster: a file, a folder, or - for standard input. May be repeated.",
)
@click.option("--kubeconfig", metavar="PATH", help="The cluster to read; default is the one that kubectl uses.")
@click.option("--context", metavar="NAME", help="Context of the kubeconfig; without it the current one.")
@click.option(
    "-n", "--namespace", metavar="NAME", default="exalb-system", show_default=True, help="ExaLB's own namespace."
)
@click.option(
    "--metallb-namespace", metavar="NAME", help="MetalLB's namespace, if MetalLB's objects are in more than one."
)
@click.option(
    "--all-nodes", is_flag=True, help="Peers for all nodes, instead of the nodes that the migration has reached."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a file for each object into this folder, instead of all to standard output.",
)
@click.option("--steps", "mode", flag_value="steps", help="Print the way, step by step, with the commands back.")
@click.option("--check", "mode", flag_value="check", help="Print which steps are done, and the next one.")
def metallb(
    *,
    filenames: tuple[str, ...],
    kubeconfig: str | None,
    context: str | None,
    namespace: str,
    metallb_namespace: str | None,
    all_nodes: bool,
    output: Path | None,
    mode: str | None,
) -> int:
    """Print ExaLB's objects for those of MetalLB, and a report. Reads the live cluster, and writes nothing to it."""
    from exalb.cli.migrate_metallb import Request, run  # noqa: PLC0415

    return run(Request(filenames, kubeconfig, context, namespace, metallb_namespace, all_nodes, output, mode))
