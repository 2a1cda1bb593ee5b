"""The commands that a person types at a desk: their options, and who does the work."""

import argparse
from collections.abc import Sequence


def plan(program: str, arguments: Sequence[str]) -> int:
    """Run `exalb plan`; return its exit code: 0 good, 1 something refused, 2 unreadable input."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Show which addresses Services would get and what each node would announce. Needs no cluster.",
        epilog="Exit codes: 0 good, 1 something is refused or invalid, 2 unreadable input.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-f",
        "--filename",
        metavar="PATH",
        nargs="+",
        action="extend",
        required=True,
        help="manifests: files, folders (with all below), or - for standard input",
    )
    parser.add_argument("-n", "--namespace", default="exalb-system", help="ExaLB's own, which has the peers' Secrets")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="for people or for machines")
    options = parser.parse_args(arguments)
    from exalb.plan import run  # noqa: PLC0415 - after the options, so that --help is quick

    return run(options.filename, options.namespace, options.output)
