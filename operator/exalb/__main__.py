"""The command `exalb`, which is `kubectl exalb` too. A command is imported only when it runs, so that help is quick."""

import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

PROGRAMS = {
    "controller": ("exalb.programs.controller", "ControllerSettings", "Assign addresses to Services"),
    "speaker": ("exalb.programs.speaker", "SpeakerSettings", "Announce a node's routes"),
    "bgp": ("exalb.programs.bgp", "BGPSettings", "Run a node's ExaBGP"),
    "bfd": ("exalb.programs.bfd", "BFDSettings", "Run a node's BFD sessions"),
    "l2": ("exalb.programs.l2", "L2Settings", "Announce addresses on a node's LANs"),
    "verify": ("exalb.programs.verify", "VerifySettings", "Check that an address is assigned and announced"),
    "first": ("exalb.programs.first", "FirstSettings", "Create the first pool and peer, once"),
}
"""Of each program the module, which has its `run`, its settings and a line for the help."""
COMMANDS = {
    "status": ("exalb.cli.live_commands", "status", "Show whether all is well in the cluster"),
    "explain": ("exalb.cli.live_commands", "explain", "Show why a Service, address, peer or node has no traffic"),
    "peers": ("exalb.cli.live_commands", "peers", "Show every BGP session, with its last error"),
    "routes": ("exalb.cli.live_commands", "routes", "Show each prefix: sent or withheld, by which nodes, and why"),
    "pools": ("exalb.cli.live_commands", "pools", "Show how full each pool is, and who has its addresses"),
    "diff": ("exalb.cli.live_commands", "diff", "Show what manifests would change in the cluster"),
    "web": ("exalb.cli.live_commands", "web", "Serve a live web page with all of it on this machine"),
    "drain": ("exalb.cli.live_commands", "drain", "Move the routes of a node to the others, or show that in advance"),
    "logs": ("exalb.cli.live_commands", "logs", "Show the decisions about a Service, from the logs of all nodes"),
    "support-bundle": ("exalb.cli.live_commands", "support_bundle", "Write an archive for a report of a fault"),
    "plan": ("exalb.cli.commands", "plan", "Show what ExaLB would do with manifests, without a cluster"),
    "migrate": ("exalb.cli.migrate", "migrate", "Make ExaLB's objects from those of another load balancer"),
}
"""Of each client command the module, the name of the command in it and a line for the help."""

WITHOUT_RICH = "exalb.runtime.structlog_alone"
"""Imported before the module of a command."""
EXIT_GOOD, EXIT_UNUSABLE, EXIT_INTERRUPTED = 0, 2, 130
"""Exit codes; 1 is for the result of a command, such as a plan in which something is refused, and 130 for Ctrl-C."""


class _Exalb(click.Group):
    """A group that imports a command when it is used, and lists all without an import."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return [*COMMANDS, *PROGRAMS]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return one command."""
        if name in COMMANDS:
            import_module(WITHOUT_RICH)
            module, attribute, _ = COMMANDS[name]
            command: click.Command = getattr(import_module(module), attribute)
            return command
        return _program(name) if name in PROGRAMS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the two lists of commands."""
        for title, commands in (("Client commands", COMMANDS), ("Programs, which the chart runs", PROGRAMS)):
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, _, line) in commands.items()])


@click.group(
    cls=_Exalb,
    help="Addresses for Kubernetes Services of type LoadBalancer, announced by BGP.",
    epilog="Options of one command: exalb COMMAND --help",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="exalb", message="exalb %(version)s")
def exalb() -> None:
    """Do nothing but choose the command."""


def main() -> NoReturn:
    """Run the command line of this process; it writes UTF-8 whatever the locale is, as kubectl does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(run(Path(sys.argv[0]).name.replace("kubectl-exalb", "kubectl exalb"), sys.argv[1:]))


def run(name: str, arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    name = "exalb" if name == "__main__.py" else name
    try:
        code = exalb.main(args=[_as_click(argument) for argument in arguments], prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else EXIT_GOOD


def complete() -> None:
    """Print the candidates for a word of `kubectl exalb`: kubectl runs `kubectl_complete-exalb` to complete it.

    The last word is being typed. Each candidate has a line, with a description after a tab; the last line is a
    directive as cobra numbers them: no file names follow (4), and no space (2).
    """
    from click.shell_completion import ShellComplete  # noqa: PLC0415

    *words, incomplete = sys.argv[1:] or [""]
    found = ShellComplete(exalb, {}, "kubectl exalb", "_EXALB_COMPLETE").get_completions(words, incomplete)
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in found]
    no_space = 2 if any(str(item.value).endswith("/") for item in found) else 0
    sys.stdout.write("\n".join([*lines, f":{4 + no_space}", ""]))


def _as_click(argument: str) -> str:
    """Return an argument as click reads it: kubectl takes `-n=shop` as `-n shop`, and click would read `=shop`."""
    is_short = len(argument) > 2 and argument[0] == "-" and argument[1].isalpha() and argument[2] == "="
    return argument[:2] + argument[3:] if is_short else argument


def _program(name: str) -> click.Command:
    import_module(WITHOUT_RICH)
    from exalb.programs import settings  # noqa: PLC0415

    module, kind, _ = PROGRAMS[name]
    model: type[settings.Settings] = getattr(settings, kind)

    def serve(**values: str | bool | None) -> int:
        from pydantic import ValidationError  # noqa: PLC0415

        from exalb.programs import lifecycle  # noqa: PLC0415
        from exalb.runtime import logs  # noqa: PLC0415

        try:
            chosen = settings.from_options(model, values)
        except ValidationError as error:
            path = click.get_current_context().command_path
            sys.stderr.write("".join(f"{path}: {line}\n" for line in settings.sentences(error)))
            return EXIT_UNUSABLE
        logs.configure(chosen.log_level, chosen.log_format)
        return lifecycle.serve(import_module(module).run, chosen)

    return click.Command(name, params=[*settings.options(model)], callback=serve, help=model.__doc__)


if __name__ == "__main__":
    main()
