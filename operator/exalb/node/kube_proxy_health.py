"""Decides from the answers of kube-proxy's health endpoint whether a node forwards traffic for Services. Pure.

There is one probe a second, and fewer where nothing answers and nothing waits for it. Once kube-proxy has been healthy,
short failures are tolerated and longer ones mean "down". If it never answers, the node is assumed to have no
kube-proxy. After a restart, the speaker continues from the state in the condition of the node's BGPSpeaker.
"""

from dataclasses import dataclass, replace
from enum import Enum

from exalb.model.local_node import DataPlane

SECONDS = 1.0
"""Time between two probes, and the limit for an answer."""
NOBODY_SECONDS = 5.0
"""Time between two probes where the node has no kube-proxy, and nothing answers."""
FAILURE_THRESHOLD = 3
"""Unhealthy answers in a row that mean that the data plane is down."""
SILENT_ANSWERS = 5
"""Failed probes in a row that mean that it is down: more, because the rules of kube-proxy stay while it restarts."""
SUCCESS_THRESHOLD = 2
"""Healthy answers in a row that mean that it is up again."""
STARTUP_SILENT_ANSWERS = 10
"""Probes without an answer, from the start, after which the node has no kube-proxy to wait for."""
STARTUP_FAILURE_THRESHOLD = 60
"""Failed probes, from the start, after which the endpoint is assumed not to be kube-proxy's, and is ignored."""


class ProbeResult(Enum):
    """The result of one probe."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class HealthState:
    """The state so far, and the counts that decide the next one."""

    state: DataPlane | None
    """None while it is too early to decide."""
    was_healthy: bool = False
    """Whether kube-proxy was ever healthy on this node, as far as is known."""
    healthy: int = 0
    unhealthy: int = 0
    silent: int = 0
    """Answers of one kind, in a row up to now."""
    failing: int = 0
    """Answers in a row up to now that were not healthy."""


def begin(before: DataPlane | None) -> HealthState:
    """Return the first state of a speaker; `before` is what the last speaker of this node reported, if any."""
    if before in (DataPlane.NOT_MONITORED, DataPlane.PROBE_IGNORED):
        return HealthState(before)
    return HealthState(None, was_healthy=before in (DataPlane.UP, DataPlane.DOWN))


def fold(gate: HealthState, answer: ProbeResult) -> HealthState:
    """Return the state after one more answer."""
    gate = replace(
        gate,
        healthy=gate.healthy + 1 if answer is ProbeResult.HEALTHY else 0,
        unhealthy=gate.unhealthy + 1 if answer is ProbeResult.UNHEALTHY else 0,
        silent=gate.silent + 1 if answer is ProbeResult.SILENT else 0,
        failing=0 if answer is ProbeResult.HEALTHY else gate.failing + 1,
    )
    if answer is ProbeResult.HEALTHY:
        is_enough = gate.state is not DataPlane.DOWN or gate.healthy >= SUCCESS_THRESHOLD
        return replace(gate, state=DataPlane.UP, was_healthy=True) if is_enough else gate
    return _after_a_failure(gate, answer)


def pause(gate: HealthState) -> float:
    """Return the seconds from one probe to the next."""
    return NOBODY_SECONDS if gate.state is DataPlane.NOT_MONITORED and not gate.unhealthy else SECONDS


def _after_a_failure(gate: HealthState, answer: ProbeResult) -> HealthState:
    is_down = gate.unhealthy >= FAILURE_THRESHOLD or gate.failing >= SILENT_ANSWERS
    if gate.was_healthy:
        return replace(gate, state=DataPlane.DOWN) if is_down else gate
    match gate.state:
        case None if answer is ProbeResult.UNHEALTHY:
            return replace(gate, state=DataPlane.STARTING)
        case None if gate.silent >= STARTUP_SILENT_ANSWERS:
            return replace(gate, state=DataPlane.NOT_MONITORED)
        case DataPlane.STARTING if gate.failing >= STARTUP_FAILURE_THRESHOLD:
            return replace(gate, state=DataPlane.PROBE_IGNORED)
        case DataPlane.NOT_MONITORED if gate.unhealthy >= FAILURE_THRESHOLD:
            return replace(gate, state=DataPlane.STARTING, failing=gate.unhealthy)
        case _:
            return gate
