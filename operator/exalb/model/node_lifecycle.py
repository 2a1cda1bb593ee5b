"""Whether a Node is about to leave: its taints, its cordon, and whether its kubelet shuts the machine down. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

SHUTTING_DOWN = "shutting down"
"""Part of the message of the condition Ready while a kubelet shuts its node down; its reason means other things too."""


class Taint(NamedTuple):
    """A taint of a Node (core/v1)."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        """Write it as kubectl users do."""
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


@dataclass(frozen=True, slots=True)
class NodeLifecycle:
    """The fields of a Node that say whether it stays."""

    ready: bool = True
    """False where the condition Ready is False or Unknown."""
    shutting_down: bool = False
    """The kubelet shuts the machine down (graceful node shutdown)."""
    cordoned: bool = False
    taints: tuple[Taint, ...] = ()


def parse_lifecycle(raw: Mapping[str, Any]) -> NodeLifecycle:
    """Read the lifecycle of a Node; without a condition Ready it counts as ready."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    ready: Mapping[str, Any] = next(
        (entry for entry in status.get("conditions") or () if entry.get("type") == "Ready"), {"status": "True"}
    )
    is_ready = ready.get("status") == "True"
    return NodeLifecycle(
        ready=is_ready,
        shutting_down=not is_ready and SHUTTING_DOWN in (ready.get("message") or ""),
        cordoned=spec.get("unschedulable") is True,
        taints=tuple(
            Taint(entry["key"], entry.get("value") or "", entry.get("effect") or "")
            for entry in spec.get("taints") or ()
        ),
    )
