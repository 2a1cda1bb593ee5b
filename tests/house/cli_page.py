"""The generated page of docs/reference about the client commands: the help of each, as click prints it."""

import click

from exalb.__main__ import COMMANDS, exalb

MADE = "<!-- Written by `make docs`. Edit the options and docstrings in operator/exalb/cli instead. -->\n"
WIDTH = 100
INTRODUCTION = """\
`exalb` and `kubectl exalb` are one program. All commands but `plan` ask a running cluster. They only read,
except `drain`, which sets or removes an annotation of the Node."""


def commands() -> str:
    """Return the page on the client commands."""
    width = {"terminal_width": WIDTH, "max_content_width": WIDTH}
    root = click.Context(exalb, info_name="exalb", **exalb.context_settings, **width)  # type: ignore[arg-type]
    head = [
        MADE,
        "# Client commands\n",
        f"{INTRODUCTION}\n",
    ]
    parts = []
    for name in COMMANDS:
        command = exalb.get_command(root, name)
        if command is None:
            continue
        context = click.Context(command, parent=root, info_name=name)
        lines = (line.rstrip() for line in command.get_help(context).splitlines())
        parts += [f"## `exalb {name}`\n", "\n".join(["```text", *lines, "```", ""])]
    return "\n".join([*head, *parts])
