"""`python -m tests.router.watching`: prints the default routers of its network namespace, line by line."""

import asyncio
import json
import sys

import structlog

from exalb.model.local_node import LocalNode
from exalb.node.watcher import OFF, LocalNodeWatcher


def say(host: LocalNode) -> None:
    """Print one line."""
    print(json.dumps([" ".join(map(str, gateway)) for gateway in (host.gateways or {}).values()]), flush=True)


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(LocalNodeWatcher(OFF, say).run(None))
