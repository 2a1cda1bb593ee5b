"""Starts ExaBGP with the changes that ExaLB needs: `python -m exalb_bgp.exabgp.server CONFIGURATION`.

ExaBGP's options come by environment (`options.environment`). docs/decisions/020 has the reasons for each change.
"""

import gc
import logging
import sys
import threading
import time

from exabgp import rib
from exabgp.bgp import neighbor
from exabgp.bgp.message.update.attribute import Attribute
from exabgp.environment import getenv
from exabgp.logger import log
from exabgp.reactor import loop, peer
from exabgp.rib import outgoing

from exalb_bgp.exabgp.server.api import PatchedProcesses
from exalb_bgp.exabgp.server.clock import Clock
from exalb_bgp.exabgp.server.closing import wait_for_peers
from exalb_bgp.exabgp.server.log_lines import JsonLogRecord, crashed
from exalb_bgp.exabgp.server.peer import PatchedPeer
from exalb_bgp.exabgp.server.protocol import PatchedKeepalive, PatchedProtocol
from exalb_bgp.exabgp.server.reactor import PatchedReactor
from exalb_bgp.exabgp.server.rib import PatchedRib, PatchedUpdate
from exalb_bgp.exabgp.server.shown import PatchedTemplate
from exalb_process.own_memory import close_memory


# Replaces names in the modules of ExaBGP. All other changes are subclasses that PatchedReactor creates itself.
def _replace() -> None:
    peer.Protocol = PatchedProtocol
    peer.KA = PatchedKeepalive
    loop.Peer = PatchedPeer
    loop.Processes = PatchedProcesses
    neighbor.NeighborTemplate = PatchedTemplate
    rib.OutgoingRIB = PatchedRib
    outgoing.Update = PatchedUpdate
    time.time = Clock(time.time(), time.monotonic)
    logging.setLogRecordFactory(JsonLogRecord)
    sys.excepthook = crashed
    threading.excepthook = lambda hook: crashed(hook.exc_type, hook.exc_value, hook.exc_traceback)


_COLLECT_EVERY = 100_000
"""New objects, minus deleted ones, between two garbage collections. ExaBGP creates routes, which stay; with Python's
default the collector would scan all of them repeatedly, a tenth of the time of many announcements."""

_LAST_WAIT = 1.0
"""Seconds at the end in which peers may read what was sent."""


def main(path: str) -> int:
    """Run until a signal or the helper ends it; return the exit code."""
    close_memory()
    _replace()
    gc.set_threshold(_COLLECT_EVERY)
    logging.getLogger("exabgp").addHandler(logging.StreamHandler(sys.stderr))
    environment = getenv()
    log.init(environment)
    Attribute.caching = environment.cache.attributes
    code: int = PatchedReactor(path).run()
    wait_for_peers(_LAST_WAIT)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
