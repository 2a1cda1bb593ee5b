"""When data from the API server reaches a speaker's node, by the kernel's own time."""

import re
from collections.abc import Collection
from typing import Self

from tests.lab.cluster import Lab
from tests.lab.nodeconfig import API_PORT
from tests.support import processes, segments

_TRANSLATED = re.compile(r"sport=(\d+) dport=\d+ .* dport=(\d+)")
"""In a line of conntrack(8), which has both directions of a connection: its port, and the one that others see."""


class Arrivals:
    """Has the kernel note what comes to a node while its `with` block lasts; no process wakes up for it."""

    def __init__(self, lab: Lab, name: str) -> None:
        """Find the speaker of the node `name`."""
        [self._speaker] = [each.pid for each in processes.of(lab) if (each.role, each.node) == ("speaker", name)]
        self._namespace = lab.layout.namespace(name)
        self._socket = segments.listen(self._namespace, API_PORT)

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._socket.close()

    def ports(self) -> Collection[int]:
        """Return the ports to which the API server sends the speaker something now.

        They are not its own: its packets go to a Service, and kube-proxy gives them a port of the node's.
        """
        own = processes.connected_ports(self._speaker)
        table = self._namespace.run(["conntrack", "--dump", "--proto=tcp", "--src-nat"]).stdout
        return {int(seen) for port, seen in _TRANSLATED.findall(table) if int(port) in own}

    def first(self, ports: Collection[int], begun: float, ended: float) -> float:
        """Return when the first data came to one of these ports between two moments, in UNIX time.

        It takes all that came so far, and forgets it. Raises ValueError where nothing came.
        """
        came = (each for each in segments.received(self._socket) if each.data and each.source[1] == API_PORT)
        return min(each.time for each in came if begun < each.time <= ended and each.destination[1] in ports)
