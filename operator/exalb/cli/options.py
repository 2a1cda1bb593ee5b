"""Options that several client commands have."""

import click

manifests_option = click.option(
    "-f",
    "--filename",
    "filenames",
    metavar="PATH",
    multiple=True,
    required=True,
    help="Manifests: a file, a folder with all below it, or - for standard input. May be repeated.",
)
