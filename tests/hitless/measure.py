"""Measures one event: probes on every router, and every change of its kernel's routes."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from exalb_bgp.rib import Address, Prefix
from tests.hitless.events import Event
from tests.hitless.rig import POLICIES, Rig
from tests.hitless.sites import Site
from tests.lab.images import CHECKOUT
from tests.support.kernel import KernelRoutes

TIMEOUT = 60.0
"""Seconds that the last answers may take."""
SETTLED = 3.0
"""Seconds for which the probes go on after an event."""


@dataclass(frozen=True, slots=True)
class Result:
    """The cost of one event at one router, for one Service."""

    event: str
    router: str
    graceful: bool
    bfd: bool
    policy: str
    asked: int
    lost: int
    failed: int
    """Of the lost ones, those that failed at once: a node reset them, or the router had no route."""
    open: int
    """Of the lost ones, those whose connection was open: a pod had answered its first packet."""
    connections: int
    broken: int
    gap: int
    """Milliseconds from the first to the last request that was lost."""
    left: int | None
    """Milliseconds until the router's kernel no longer forwarded to the node; None if it always did."""


def measure(rig: Rig, name: str, event: Event) -> list[dict[str, Any]]:
    """Let the event happen once, and return its results as JSON has them."""
    with contextlib.ExitStack() as stack:
        kernels = {site: stack.enter_context(KernelRoutes(site.network)) for site in rig.sites}
        said: dict[Site, dict[str, Any]] = {}
        with _probing(rig, said):
            begun = time.time()
            event.act(rig)
            rig.wait_seconds(SETTLED)
    return [
        asdict(_result(name, site, policy, said[site][str(address)], _left(rig, kernels[site], policy, begun)))
        for site in rig.sites
        for policy, address in POLICIES.items()
    ]


def _result(name: str, site: Site, policy: str, said: dict[str, Any], left: int | None) -> Result:
    lost = said["lost"]
    gap = round(1000 * (lost[-1] - lost[0])) if lost else 0
    figures = said["asked"], len(lost), said["failed"], said["open"], said["connections"], said["broken"]
    return Result(name, site.maker, site.graceful, site.bfd, policy, *figures, gap, left)


def _left(rig: Rig, kernel: KernelRoutes, policy: str, begun: float) -> int | None:
    prefix: Prefix = rig.prefixes[policy]
    node: Address = rig.node.addresses[0]
    times = (c.time for c in kernel.changes if c.prefix == prefix and node not in c.gateways and c.time >= begun)
    first = next(times, None)
    return None if first is None else round(1000 * (first - begun))


@contextlib.contextmanager
def _probing(rig: Rig, said: dict[Site, dict[str, Any]]) -> Iterator[None]:
    """Probe from every router while the context lasts; the answers are in `said` when it ends."""
    argv = [sys.executable, "-m", "tests.hitless.probe", *map(str, POLICIES.values())]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with contextlib.ExitStack() as stack:
        probes = {
            site: stack.enter_context(site.network.popen(argv, cwd=CHECKOUT, text=True, **pipes)) for site in rig.sites
        }
        for probe in probes.values():
            assert probe.stdout
            assert probe.stdout.readline() == "ready\n"
        yield
        for probe in probes.values():
            assert probe.stdin
            probe.stdin.close()
            probe.stdin = None
        for site, probe in probes.items():
            said[site] = json.loads(probe.communicate(timeout=TIMEOUT)[0].splitlines()[-1])
