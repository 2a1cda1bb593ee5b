"""The lab from the command line: `python -m tests.lab prepare|up|reload|debug|web|demo|shell|status|env|down`."""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from rich.console import Console

from tests.lab import debug, demo, demo_l2, exalb, layout, packages, relay, sweep, web
from tests.lab.binaries import VERSION, BinariesError
from tests.lab.cgroups import CgroupError
from tests.lab.cluster import ESTIMATE, CommandError, Lab, LabBusyError
from tests.lab.controlplane import ControlPlaneError
from tests.lab.images import ECHO_HNAME
from tests.lab.layout import Mode
from tests.lab.narration import Narration
from tests.lab.network import NetworkError
from tests.lab.node import NodeError
from tests.lab.packages import PackagesError
from tests.lab.progress import CommandError as ToolError
from tests.lab.routers.router import RouterError
from tests.lab.wait import TooLateError

EXPECTED = (
    BinariesError,
    CgroupError,
    CommandError,
    ControlPlaneError,
    LabBusyError,
    PackagesError,
    NetworkError,
    NodeError,
    RouterError,
    TooLateError,
    ToolError,
)
"""Errors that are shown as one message. Any other error is a bug, and its traceback is shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("--name", default=layout.default_name(), help="which lab (default: EXALB_LAB, else exalb)")
    parser.add_argument("--nodes", type=int, default=2, help="how many nodes a new lab has (default: 2)")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), help="how a new lab reaches Services (default: bgp)")
    parser.add_argument("--no-demo", action="store_true", help="bring the lab up without the demo")
    parser.add_argument("--part", choices=debug.PROGRAMS, default="controller", help="which program to debug")
    parser.add_argument("--page", choices=["exalb", "controller"], default="exalb", help="whose web page to show")
    parser.add_argument("--node", help="whose speaker to debug (default: the first node's)")
    commands: dict[str, Callable[[Lab, argparse.Namespace], int]] = {
        "prepare": _prepare,
        "up": _up,
        "reload": _reload,
        "debug": _debug,
        "web": _web,
        "demo": _demo,
        "shell": _shell,
        "status": _status,
        "env": _env,
        "down": _down,
    }
    parser.add_argument("command", choices=commands)
    options = parser.parse_args(arguments)
    console = Console(stderr=options.command == "env")
    lab = Lab(options.name, Narration(console))
    if os.geteuid() != 0:
        console.print("The lab is made of network namespaces and control groups: run it as root (sudo).")
        return 1
    try:
        return commands[options.command](lab, options)
    except EXPECTED as error:
        console.print(f"\n[bold red]It failed.[/bold red] {type(error).__name__}:", highlight=False, soft_wrap=True)
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        for sentence in packages.differing():
            console.print(f"Debian package {sentence}.", markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print(f"\nInterrupted: {left_behind(lab)}", highlight=False, soft_wrap=True)
        return 130


def _prepare(lab: Lab, _: argparse.Namespace) -> int:
    lab.prepare()
    return 0


def _up(lab: Lab, options: argparse.Namespace) -> int:
    begun = time.monotonic()
    if lab.is_up:
        if other := _differs(lab, options.mode):
            lab.narration.say(f"lab {lab.name} is up {other}: remove it first with `make lab-down{_other(lab)}`")
            return 1
        lab.narration.say(f"lab {lab.name} is already up; updating ExaLB to the code of the checkout")
        exalb.reload(lab) if exalb.is_installed(lab) else _install(lab)
    else:
        lab.narration.title(f"Lab {lab.name}: {ESTIMATE}")
        lab.up(options.nodes, mode=options.mode or Mode.BGP)
        try:
            _install(lab)
            lab.stay()
        except BaseException:
            _down(lab, options)
            raise
    lab.narration.say(f"the lab is up after {time.monotonic() - begun:.0f} s")
    if not options.no_demo:
        _demonstrate(lab)
    _guide(lab)
    return 0


def _differs(lab: Lab, mode: Mode | None) -> str:
    """Return what a lab that is up has otherwise than the command line wants; an empty text where nothing."""
    if mode not in (None, lab.mode):
        return f"in mode {lab.mode}"
    return "" if os.environ.get(VERSION, lab.kubernetes) == lab.kubernetes else f"with Kubernetes {lab.kubernetes}"


def _install(lab: Lab) -> None:
    exalb.install(lab, {**exalb.PAGE, **(demo_l2.VALUES if lab.mode is Mode.L2 else {})})


def _demonstrate(lab: Lab) -> None:
    if lab.mode is Mode.L2:
        demo_l2.run(lab)
    else:
        demo.run(lab)


def _reload(lab: Lab, _: argparse.Namespace) -> int:
    if _is_down(lab):
        return 1
    begun = time.monotonic()
    image = exalb.reload(lab)
    lab.narration.say(f"{image.reference} runs on every node after {time.monotonic() - begun:.1f} s")
    return 0


def _debug(lab: Lab, options: argparse.Namespace) -> int:
    if _is_down(lab):
        return 1
    target = debug.start(lab, options.part, options.node)
    with socket.create_server(("127.0.0.1", debug.PORT)) as listening:
        lab.narration.say(f"{options.part} runs under debugpy: attach your debugger to 127.0.0.1:{debug.PORT}")
        lab.narration.say(f"Ctrl-C closes the port; `make lab-reload{_other(lab)}` ends debugpy")
        asyncio.run(relay.lead(target, listening))
    return 0


def _web(lab: Lab, options: argparse.Namespace) -> int:
    if _is_down(lab):
        return 1
    by_controller = options.page == "controller"
    serving = web.page_of_controller(lab) if by_controller else web.page(lab)
    with serving as (url, target), socket.create_server(("127.0.0.1", target.port)) as listening:
        whose = "the controller" if by_controller else "`kubectl exalb web`"
        lab.narration.say(f"the page of {whose} is at {url}; Ctrl-C ends it")
        asyncio.run(relay.lead(target, listening))
    return 0


def _demo(lab: Lab, _: argparse.Namespace) -> int:
    if _is_down(lab):
        return 1
    _demonstrate(lab)
    return 0


def _shell(lab: Lab, _: argparse.Namespace) -> int:
    if _is_down(lab):
        return 1
    _guide(lab)
    return subprocess.run([lab.layout.bin / "lab-shell"], check=False).returncode


def _status(lab: Lab, _: argparse.Namespace) -> int:
    if _is_down(lab):
        return 1
    lab.narration.typed("kubectl get nodes,pods --all-namespaces --output=wide")
    lab.narration.answered(lab.kubectl("get", "nodes,pods", "--all-namespaces", "--output=wide"))
    if lab.mode is Mode.BGP:
        lab.narration.typed("vtysh -c 'show bgp summary'")
        lab.narration.answered(lab.router.vtysh("show bgp summary"))
    _guide(lab)
    return 0


def _env(lab: Lab, _: argparse.Namespace) -> int:
    if _is_down(lab):
        return 1
    sys.stdout.write(f'export EXALB_LAB={lab.name} PATH="{lab.layout.bin}:$PATH"\n')
    return 0


def _down(lab: Lab, _: argparse.Namespace) -> int:
    with lab.narration.step(f"removing lab {lab.name}"):
        lab.down()
    left = sweep.traces(lab.layout)
    for trace in left:
        lab.narration.say(f"still there: {trace}")
    return 1 if left else 0


def left_behind(lab: Lab) -> str:
    """Return a sentence on what is left after an interrupted command: the lab, if it was already up, or nothing."""
    if not lab.layout.state.exists():
        return "nothing is left."
    other = _other(lab)
    return f"lab {lab.name} is still there; `make lab{other}` continues with it, `make lab-down{other}` removes it."


def _other(lab: Lab) -> str:
    """Return the argument that selects this lab in a command of make."""
    return "" if lab.name == layout.DEFAULT_NAME else f" EXALB_LAB={lab.name}"


def _is_down(lab: Lab) -> bool:
    if lab.is_up:
        return False
    lab.narration.say(f"lab {lab.name} is not up: bring it up with `make lab{_other(lab)}`")
    return True


def _guide(lab: Lab) -> None:
    """Show commands to look around, and to remove the lab."""
    narration, other = lab.narration, _other(lab)
    narration.title(f"Lab {lab.name} is up. Look around:")
    on_lan = lab.mode is Mode.L2
    address = layout.FIRST_ON_LAN if on_lan else layout.first(layout.POOL4)
    commands = {
        "kubectl get nodes,services,exalb": "the cluster",
        **({} if on_lan else {'vtysh -c "show ip route bgp"': "the router in front of it"}),
        f"kubectl create deployment web --image={ECHO_HNAME}": "a server of your own",
        "kubectl expose deployment web --type=LoadBalancer --port=80": "its address and its routes",
        "kubectl exalb explain service/web": "each step from the Service to the routers, and what is broken",
        "kubectl exalb status": "is all well?",
        f"curl http://{address}/": f"a request from a host {'on their LAN' if on_lan else 'behind the router'}",
        **({"client ip neighbour": "the node that this host sends to"} if on_lan else {}),
    }
    for command, meaning in commands.items():
        narration.hint(f"{lab.layout.bin}/{command}", meaning)
    targets = {
        f"make lab-shell{other}": "a shell with these commands in its PATH",
        f"make lab-web{other}": "all of it on a web page, live",
        f"make lab-reload{other}": "after a change of the code",
        f"make lab-down{other}": "remove the lab",
    }
    for command, meaning in targets.items():
        narration.hint(command, meaning)


if __name__ == "__main__":
    sys.exit(main())
