"""The measures, with MetalLB's figures on such a rig and the aims, and the figures of one run."""

import math
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

MILLISECONDS, SECONDS, MEGABYTES, PERCENT, WRITES, COUNT = "ms", "s", "MB", "%", "writes", ""
MICROSECONDS, EXPONENT = "µs", "exponent"
PROCESSOR = "ms of a processor"
"""Time that other work on the machine does not lengthen: the least of several runs counts."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One line of the table. `metallb` is release 0.16.1: its native mode, then `|` and its default mode."""

    text: str
    metallb: str = ""
    aim: str = ""
    limit: float = math.inf
    """A value that even the least of the runs exceeds makes the command fail."""


MEASURES = {
    "floor": Measure("1,000 Services created, nothing installed (the API's floor), s", "8.0", ""),
    "first-install": Measure("`helm install --wait` on a ready cluster, s", "16.1 | 24.4"),
    "first-address": Measure("… until EXTERNAL-IP, s", "17.2 | 25.5"),
    "first-answer": Measure("… until the client's first curl is answered, s", "19.0 | 37.6", "≤ 12"),
    "created-answer-0": Measure("Service created → the API's own answer, ms"),
    "created-first-0": Measure("Service created → UPDATE, first node, ms", "28/57 | 6,576/6,741", "10/25"),
    "created-all-0": Measure("Service created → UPDATE, all nodes, ms", "36/72 | 6,660/6,863"),
    "created-route-0": Measure("Service created → router's kernel, both next hops, ms", "90/154 | 6,721/6,927"),
    "deleted-first-0": Measure("Service deleted → withdrawal, first node, ms", "10/25 | 6,509/6,671"),
    "deleted-all-0": Measure("Service deleted → withdrawal, all nodes, ms", "14/43 | -"),
    "readiness-answer-0": Measure("endpoint changed → the API's own answer, ms"),
    "unready-0": Measure("endpoint unready (Local) → withdrawal, ms", "7.6/14 | 6,469/6,566", "7/15"),
    "unready-own-0": Measure("… from the API's answer on, ms"),
    "unready-node-0": Measure("… from the first data at the node on: ExaLB's own part, ms", "", "1.5/3"),
    "ready-0": Measure(
        "endpoint ready (Local) → UPDATE, with the wait for kube-proxy's rules, ms", "7.9/20 | 6,497/6,570"
    ),
    "bulk-created": Measure("1,000 Services at once: created, s", "37.8 | 33.7"),
    "bulk-addresses": Measure("… all have addresses, s", "56.5 | 102.7", "≤ 15"),
    "bulk-routes": Measure("… router has all routes, both next hops, s", "56.5 | 130.9", "≤ 15"),
    "bulk-ratio": Measure("… routes, in multiples of the API's floor", "7.1 | 16"),
    "bulk-writes": Measure("API writes per Service given an address", "12", "≤ 2"),
    "bulk-last": Measure("… last Service created → last route, both next hops, s", "19 | 97", "≤ 1"),
    "bulk-deleted": Measure("… all deleted: last deletion → last route gone, s", "", "≤ 1"),
    "bulk-created-10000": Measure("10,000 Services at once: created, s"),
    "bulk-last-10000": Measure("… last Service created → last route, both next hops, s", "", "≤ 1"),
    "bulk-deleted-10000": Measure("… all deleted: last deletion → last route gone, s", "", "≤ 1"),
    "created-answer-1000": Measure("created after a deletion, 1,000 others → the API's own answer, ms"),
    "created-first-1000": Measure("… → UPDATE, first node, ms", "5,034/7,024 | 12,606…", "25/60"),
    "created-all-1000": Measure("… all nodes, ms", "5,057/7,046 | 12,776…"),
    "readiness-answer-1000": Measure("endpoint changed, 1,000 others → the API's own answer, ms"),
    "unready-1000": Measure("endpoint unready, 1,000 others → withdrawal, ms", "11/27 | -", "8/20"),
    "unready-own-1000": Measure("… from the API's answer on, ms"),
    "unready-node-1000": Measure("… from the first data at the node on: ExaLB's own part, ms", "", "1.5/3"),
    "ready-1000": Measure("endpoint ready, 1,000 others → UPDATE, with that wait, ms", "12/32 | -"),
    "deletion-writes": Measure("API writes after one deletion, 1,000 others", "1,112", "0"),
    "controller-restart-writes": Measure("API writes after a controller roll-out, 1,000 Services", "4,970", "0"),
    "speaker-restart-writes": Measure("API writes after every speaker was killed, 1,000 Services", "", "0"),
    "speaker-restart-updates": Measure("… UPDATEs on the wire", "", "0"),
    "rollout-writes": Measure("API writes after a roll-out of the speakers, 1,000 Services"),
    "rollout-gap": Measure("… longest time that the router lacked a next hop, s", "6.1 | 13.6"),
    "controller-0": Measure("memory of a controller, leading / standing by, 0 Services, MB", "64 | 59", "≤ 50"),
    "node-0": Measure("memory per node, 0 Services, MB", "68 | 243", "≤ 60"),
    "idle-0": Measure("idle CPU per node, 0 Services, % of a core", "0.47 | 1.2-3.4", "≤ 0.2"),
    "wake-ups-0": Measure("… wake-ups of all its threads a second"),
    "idle-hold-time": Measure("idle CPU per node, 0 Services, hold time 3 s, % of a core", "", "≤ 1"),
    "wake-ups-hold-time": Measure("… wake-ups of all its threads a second"),
    "controller-1000": Measure("memory of a controller, 1,000 Services, MB", "80 | 86", "≤ 60"),
    "node-1000": Measure("memory per node, 1,000 Services, MB", "100 | 310", "≤ 80"),
    "idle-1000": Measure("idle CPU per node, 1,000 Services, % of a core", "0.57 | -", "≤ 0.2"),
    "wake-ups-1000": Measure("… wake-ups of all its threads a second"),
    "controller-10000": Measure("memory of a controller, 10,000 Services, MB", "", "≤ 120"),
    "node-10000": Measure("memory per node, 10,000 Services, MB", "", "≤ 130"),
    "idle-10000": Measure("idle CPU per node, 10,000 Services, % of a core", "", "≤ 0.2"),
    "wake-ups-10000": Measure("… wake-ups of all its threads a second"),
    "sum-0": Measure("memory of all of it, two nodes, 0 Services, MB", "200 | 588"),
    "sum-1000": Measure("memory of all of it, two nodes, 1,000 Services, MB", "279 | 752"),
    "sum-10000": Measure("memory of all of it, two nodes, 10,000 Services, MB"),
    "created-answer-10000": Measure("created after a deletion, 10,000 others → the API's own answer, ms"),
    "created-first-10000": Measure("… → UPDATE, first node, ms", "", "10/25"),
    "created-all-10000": Measure("… all nodes, ms"),
    "readiness-answer-10000": Measure("endpoint changed, 10,000 others → the API's own answer, ms"),
    "unready-10000": Measure("endpoint unready, 10,000 others → withdrawal, ms"),
    "unready-own-10000": Measure("… from the API's answer on, ms"),
    "unready-node-10000": Measure("… from the first data at the node on: ExaLB's own part, ms", "", "1.5/3"),
    "ready-10000": Measure("endpoint ready, 10,000 others → UPDATE, with that wait, ms"),
    "start-10000": Measure("speaker started, 10,000 Services → its routes planned, s", "", "≤ 5"),
}
"""By key, in the order of the table. Two numbers with `/` are the 50th and the 99th percentile."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The result of one measure; several values of one measure are several tries, or several nodes."""

    key: str
    unit: str
    values: Sequence[float]
    load: tuple[float, float] = (0.0, 0.0)
    """Load average of the machine over a minute, before and after."""
    detail: dict[str, float] = field(default_factory=dict)
    """Parts of it, by name."""

    def quantile(self, share: float) -> float:
        """Return the value that `share` of the values do not exceed; of few values the largest."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def median(self) -> float:
        """The 50th percentile."""
        return statistics.median(self.values)


def load_average() -> float:
    """Return how many processes wanted to run, on average over the last minute."""
    return os.getloadavg()[0]
