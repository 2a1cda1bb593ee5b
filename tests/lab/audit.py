"""The audit log of a lab's API server: who wrote what, as the server saw it. Reads are left out."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "Metadata"}],
}


@dataclass(frozen=True, slots=True)
class Write:
    """One request that could change something, and how it ended."""

    received: float
    """When the server had it: UNIX time in seconds."""
    completed: float
    user: str
    verb: str
    resource: str
    """In the plural, with the subresource: `services/status`."""
    namespace: str
    name: str
    status: int
    """Of HTTP."""


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The log of one API server, which has written a line by the time that it answers the request."""

    directory: Path

    def configure(self) -> None:
        """Write down what is to be logged."""
        self._policy.write_text(yaml.safe_dump(POLICY))

    @property
    def options(self) -> list[str]:
        """Options of kube-apiserver."""
        return [f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}"]

    @property
    def end(self) -> int:
        """Where the log ends now."""
        return self._log.stat().st_size

    def writes(self, after: int = 0) -> list[Write]:
        """Read what was written to the log after it ended at `after`; oldest first."""
        with self._log.open("rb") as file:
            file.seek(after)
            whole, _, _ = file.read().rpartition(b"\n")
        return [_write(json.loads(line)) for line in whole.splitlines()]

    @property
    def _policy(self) -> Path:
        return self.directory / "audit-policy.yaml"

    @property
    def _log(self) -> Path:
        return self.directory / "audit.log"


def by_service_account(writes: list[Write], namespace: str, name: str) -> Iterator[Write]:
    """Yield those that a ServiceAccount made."""
    return (write for write in writes if write.user == f"system:serviceaccount:{namespace}:{name}")


def _write(event: dict[str, Any]) -> Write:
    target = event.get("objectRef", {})
    parts = [target.get("resource", ""), target.get("subresource", "")]
    return Write(
        received=_time(event["requestReceivedTimestamp"]),
        completed=_time(event["stageTimestamp"]),
        user=event["user"]["username"],
        verb=event["verb"],
        resource="/".join(part for part in parts if part),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        status=event.get("responseStatus", {}).get("code", 0),
    )


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
