"""The command `exalb`, which is `kubectl exalb` too. Each program is imported only when it is asked for."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from pydantic import ValidationError

PROGRAMS = {
    "controller": ("exalb.controller", "ControllerSettings"),
    "speaker": ("exalb.speaker", "SpeakerSettings"),
    "bgp": ("exalb.engine", "EngineSettings"),
}
"""Of each program the module, whose `run` it is, and its settings."""

GOOD, UNREADABLE = 0, 2
"""Exit codes; 1 is for `plan`: something was refused."""

HELP = """usage: {name} COMMAND [OPTIONS]

Addresses for Kubernetes Services of type LoadBalancer, announced by BGP.

At your desk:
  plan -f PATH…     Show what ExaLB would do with manifests, without a cluster

In the cluster (the chart runs these):
  controller        Give addresses to Services
  speaker           Announce a node's routes
  bgp               Run a node's ExaBGP

  {name} COMMAND --help     the options of one command; each is also read from EXALB_…
  {name} --version
"""


def main() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(run(Path(sys.argv[0]).name.replace("kubectl-exalb", "kubectl exalb"), sys.argv[1:]))


def run(name: str, arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    name = "exalb" if name == "__main__.py" else name
    match list(arguments):
        case []:
            sys.stderr.write(HELP.format(name=name))
            return UNREADABLE
        case ["-h" | "--help" | "help"]:
            sys.stdout.write(HELP.format(name=name))
            return GOOD
        case ["--version"]:
            from exalb.version import VERSION  # noqa: PLC0415

            sys.stdout.write(f"exalb {VERSION}\n")
            return GOOD
        case ["plan", *rest]:
            from exalb.commands import plan  # noqa: PLC0415

            return plan(f"{name} plan", rest)
        case [command, *rest] if command in PROGRAMS:
            return _serve(f"{name} {command}", command, rest)
        case _:
            sys.stderr.write(f"{name}: there is no command {arguments[0]!r}; see {name} --help\n")
            return UNREADABLE


def _serve(name: str, command: str, arguments: list[str]) -> int:
    from pydantic import ValidationError  # noqa: PLC0415

    from exalb import logs, settings  # noqa: PLC0415

    module, kind = PROGRAMS[command]
    try:
        told: settings.Settings = settings.read(getattr(settings, kind), name, arguments)
    except ValidationError as error:
        sys.stderr.write(_sentences(name, error))
        return UNREADABLE
    logs.configure(told.log_level, told.log_format)
    from exalb.service import serve  # noqa: PLC0415

    return serve(import_module(module).run, told)


def _sentences(name: str, error: "ValidationError") -> str:
    lines = []
    for detail in error.errors(include_url=False, include_input=False):
        option = str(detail["loc"][0]).replace("_", "-") if detail["loc"] else ""
        message = detail["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: --{option} (or EXALB_{option.replace('-', '_').upper()}): {message}\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
