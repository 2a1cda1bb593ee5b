"""Asks kube-proxy on a Service's healthCheckNodePort whether it delivers to endpoints of this node."""

import asyncio
import contextlib
from enum import Enum

from exalb.node.health_endpoint import HealthEndpoint
from exalb_bgp.rib import Address

SECONDS = 0.5
"""The limit for an answer."""


class PortAnswer(Enum):
    """An answer of kube-proxy."""

    DELIVERS = "delivers"
    DENIES = "denies"
    """It has no rules for an endpoint here yet, or is not healthy."""
    SILENT = "silent"
    """Nothing listens there, or the answer took too long."""


async def ask_port(address: Address, port: int) -> PortAnswer:
    """Ask once, at an address of the node."""
    host = f"[{address}]" if address.version == 6 else str(address)
    try:
        with contextlib.closing(HealthEndpoint(f"http://{host}:{port}/")) as endpoint:
            async with asyncio.timeout(SECONDS):
                status, _ = await endpoint.ask()
    except (OSError, TimeoutError, ValueError):  # ValueError: no such port
        return PortAnswer.SILENT
    return PortAnswer.DELIVERS if status == 200 else PortAnswer.DENIES
