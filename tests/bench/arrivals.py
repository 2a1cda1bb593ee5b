"""When what the API server sends a speaker comes to its node, by the kernel's own time."""

import re
from collections.abc import Collection

from tests.lab import wait
from tests.lab.cluster import Lab
from tests.lab.nodeconfig import API_PORT
from tests.support import processes, segments
from tests.support.segments import Segment
from tests.support.socket_watcher import SocketWatcher

_TRANSLATED = re.compile(r"sport=(\d+) dport=\d+ .* dport=(\d+)")
"""In a line of conntrack(8), which has both directions of a connection: its port, and the one that others see."""


class Arrivals(SocketWatcher):
    """Watches a node while its `with` block lasts."""

    def __init__(self, lab: Lab, name: str) -> None:
        """Find the speaker of the node `name`."""
        [self._speaker] = (each.pid for each in processes.of(lab) if (each.role, each.node) == ("speaker", name))
        self._segments: list[Segment] = []
        self._namespace = lab.layout.namespace(name)
        super().__init__(segments.listen(self._namespace, API_PORT), f"arrivals of {name}")

    def ports(self) -> Collection[int]:
        """Return the ports to which the API server sends the speaker something now.

        They are not its own: its packets go to a Service, and kube-proxy gives them a port of the node's.
        """
        own = processes.connected_ports(self._speaker)
        table = self._namespace.run(["conntrack", "--dump", "--proto=tcp", "--src-nat"]).stdout
        return {int(seen) for port, seen in _TRANSLATED.findall(table) if int(port) in own}

    def first(self, ports: Collection[int], after: float) -> float:
        """Return when the first data came to one of these ports after a moment, in UNIX time."""

        def found() -> list[float]:
            return [each.time for each in self._segments if each.time > after and each.destination[1] in ports]

        return wait.until("the API server sent the speaker something", found)[0]

    def read(self) -> None:
        """Note the next segment that has data."""
        segment = segments.receive(self._socket)
        if segment.data and segment.source[1] == API_PORT:
            self._segments.append(segment)
