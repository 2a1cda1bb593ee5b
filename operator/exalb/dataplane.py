"""Whether a node forwards traffic for Services, judged from what kube-proxy's health endpoint answers. Pure.

One answer a second. Where kube-proxy was healthy once it must stay so, but for a short while; where nothing ever
answers there is no kube-proxy, and nobody waits for it. What was found before a restart of the speaker stands in the
condition of the node's BGPSpeaker and is taken up from there.
"""

from dataclasses import dataclass, replace
from enum import Enum

from exalb.host import DataPlane

SECONDS = 1.0
"""Time between two questions, and how long an answer may take."""
UNHEALTHY_ANSWERS = 3
"""So many in a row mean that the data plane is down."""
SILENT_ANSWERS = 5
"""So many in a row mean that it is down: more, because kube-proxy being replaced leaves its rules in force."""
HEALTHY_ANSWERS = 2
"""So many in a row mean that it is up again."""
PATIENCE_WITH_SILENCE = 10
"""After so many at the start there is no kube-proxy to wait for."""
PATIENCE_WITH_THE_UNHEALTHY = 60
"""After so many without a healthy one the endpoint means something else than we think, and is left alone."""


class Answer(Enum):
    """What one question brought."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Gate:
    """What is known so far."""

    state: DataPlane | None
    """None while it is too early to say; nothing is to be decided then."""
    was_healthy: bool = False
    """Whether kube-proxy was ever healthy on this node, as far as is known."""
    healthy: int = 0
    unhealthy: int = 0
    silent: int = 0
    """Answers of one kind, in a row up to now."""
    failing: int = 0
    """Answers in a row up to now that were not healthy."""


def begin(before: DataPlane | None) -> Gate:
    """Return the gate of a speaker that starts; `before` is what the last one reported of this node, if any."""
    if before in (DataPlane.UNWATCHED, DataPlane.IGNORED):
        return Gate(before)
    return Gate(None, was_healthy=before in (DataPlane.UP, DataPlane.DOWN))


def fold(gate: Gate, answer: Answer) -> Gate:
    """Return the gate after one more answer."""
    gate = replace(
        gate,
        healthy=gate.healthy + 1 if answer is Answer.HEALTHY else 0,
        unhealthy=gate.unhealthy + 1 if answer is Answer.UNHEALTHY else 0,
        silent=gate.silent + 1 if answer is Answer.SILENT else 0,
        failing=0 if answer is Answer.HEALTHY else gate.failing + 1,
    )
    if answer is Answer.HEALTHY:
        is_enough = gate.state is not DataPlane.DOWN or gate.healthy >= HEALTHY_ANSWERS
        return replace(gate, state=DataPlane.UP, was_healthy=True) if is_enough else gate
    return _after_a_failure(gate, answer)


def _after_a_failure(gate: Gate, answer: Answer) -> Gate:
    is_down = gate.unhealthy >= UNHEALTHY_ANSWERS or gate.failing >= SILENT_ANSWERS
    if gate.was_healthy:
        return replace(gate, state=DataPlane.DOWN) if is_down else gate
    match gate.state:
        case None if answer is Answer.UNHEALTHY:
            return replace(gate, state=DataPlane.STARTING)
        case None if gate.silent >= PATIENCE_WITH_SILENCE:
            return replace(gate, state=DataPlane.UNWATCHED)
        case DataPlane.STARTING if gate.failing >= PATIENCE_WITH_THE_UNHEALTHY:
            return replace(gate, state=DataPlane.IGNORED)
        case DataPlane.UNWATCHED if gate.unhealthy >= UNHEALTHY_ANSWERS:
            return replace(gate, state=DataPlane.STARTING, failing=gate.unhealthy)
        case _:
            return gate
