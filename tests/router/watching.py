"""`python -m tests.router.watching`: tells the default routers of its network namespace, line by line."""

import asyncio
import json
import sys

import structlog

from exalb.host import Host
from exalb.surroundings import OFF, Surroundings


def say(host: Host) -> None:
    """Print one line."""
    print(json.dumps([" ".join(map(str, gateway)) for gateway in (host.gateways or {}).values()]), flush=True)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(Surroundings(OFF, say).run(None))
