"""The scene of a failed walk: every process, connection and neighbour, from both ends.

It shows which part is at fault: a router that no longer answers its own client or holds a session half closed, an
ExaBGP that does not dial, or a driver that does not see the present state.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab.daemon import tail
from tests.lab.network import Namespace
from tests.lab.routers.bird import Bird
from tests.lab.routers.router import Router
from tests.support.routers.world import World

DEADLINE = 10
"""Seconds that one look may take: a process that hangs may not answer."""
PROC = ("wchan", "syscall", "stack")
STATUS = ("Name", "State", "SigQ", "voluntary_ctxt_switches")
ASKED = "show neighbor summary", "show neighbor json"


def describe(world: World) -> Iterator[str]:
    """Yield everything, as lines for people. It ends the driver, to ask ExaBGP in its place."""
    for part in _parts(world):
        yield from part
        yield ""


def _parts(world: World) -> Iterator[Iterator[str]]:
    namespaces = [world.node, *(router.namespace for router in world.routers)]
    yield _driver(world)
    yield from map(_network, namespaces)
    yield from map(_processes, namespaces)
    yield from map(of_router, world.routers)
    yield _exabgp(world)
    yield _logs(world)


def _driver(world: World) -> Iterator[str]:
    status = world.engine.status
    yield f"== driver, connected {status.connected}"
    yield from (f"{name}: {session}" for name, session in status.sessions.items())


def _network(namespace: Namespace) -> Iterator[str]:
    yield f"== network of {namespace.role}"
    yield from _run(namespace, "ss", "-Htanpo")
    yield from _run(namespace, "ip", "neighbor")


def _processes(namespace: Namespace) -> Iterator[str]:
    yield f"== processes of {namespace.role}"
    for pid in namespace.pids():
        with contextlib.suppress(OSError):
            directory = Path(f"/proc/{pid}")
            lines = (directory / "status").read_text().splitlines()
            said = ", ".join(" ".join(line.split()) for line in lines if line.startswith(STATUS))
            command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            yield f"{pid} {command[:100]}: {said}"
            yield from (f"    {name}: {_read(directory / name)}" for name in PROC)


def of_router(router: Router) -> Iterator[str]:
    """Yield the status of one router's neighbours."""
    yield f"== {router.kind}"
    if isinstance(router, Bird):
        yield from _run(router.namespace, *router.look.split(), "show", "protocols", "all")
        yield tail(router.directory / "bird.log", 60)
        return
    try:
        yield from (f"{address}: {peering}" for address, peering in router.peerings().items())
    except (RuntimeError, ValueError) as error:
        yield f"no answer: {error}"


def _exabgp(world: World) -> Iterator[str]:
    yield "== ExaBGP"
    for command in ASKED:
        try:
            yield from world.engine.ask(command)
        except (OSError, AssertionError) as error:
            yield f"{command}: {error}"


def _logs(world: World) -> Iterator[str]:
    for log in sorted(world.node.state.glob("*.log")):
        yield f"== {log.name}"
        yield tail(log, 60)


def _run(namespace: Namespace, *argv: str) -> list[str]:
    try:
        done = namespace.run(argv, check=False, timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        return [f"{argv[0]} did not answer within {DEADLINE} s"]
    return f"{done.stdout}{done.stderr}".splitlines()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip().replace("\n", " | ")
    except OSError as error:
        return str(error)
