"""The audit log of a lab's API server: who did what, as the server saw it. Reads of Kubernetes itself are left out."""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

READS = ("get", "list", "watch")
KUBERNETES = ("apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
LARGEST = 10_000
"""Megabytes; the server begins another file after that, and what was marked in this one is lost."""
LONGEST_LINE = 1 << 20
"""Octets of the log of one request."""
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": [*READS], "users": ["admin", *(f"system:{name}" for name in KUBERNETES)]},
        {"level": "None", "verbs": [*READS], "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]},
        # A watch begins at this stage, and is complete only minutes later.
        {"level": "Metadata", "verbs": ["watch"], "omitStages": ["ResponseComplete"]},
        {"level": "Metadata", "omitStages": ["ResponseStarted"]},
    ],
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and how it ended."""

    received: float
    """When the server had it: UNIX time in seconds."""
    completed: float
    user: str
    verb: str
    group: str
    """The API group; empty for the core group."""
    resource: str
    """In the plural, with the subresource: `services/status`; empty for a path that is no resource."""
    namespace: str
    name: str
    status: int
    """Of HTTP."""
    error: str
    """The server's message about a request that failed."""


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
        return [
            f"--audit-policy-file={self._policy}",
            f"--audit-log-path={self._log}",
            f"--audit-log-maxsize={LARGEST}",
        ]

    @property
    def end(self) -> int:
        """Where its last whole line ends now."""
        with self._log.open("rb") as file:
            begin = max(0, file.seek(0, os.SEEK_END) - LONGEST_LINE)
            file.seek(begin)
            return begin + file.read().rfind(b"\n") + 1

    def writes(self, after: int = 0) -> list[Request]:
        """Return the requests that could change something, since the log ended at `after`; oldest first."""
        return [request for request in self.requests(after) if request.verb not in READS]

    def requests(self, after: int = 0) -> list[Request]:
        """Return all requests since the log ended at `after`; oldest first."""
        with self._log.open("rb") as file:
            file.seek(after)
            whole, _, _ = file.read().rpartition(b"\n")
        return [_request(json.loads(line)) for line in whole.splitlines()]

    @property
    def _policy(self) -> Path:
        return self.directory / "audit-policy.yaml"

    @property
    def _log(self) -> Path:
        return self.directory / "audit.log"


def _request(event: dict[str, Any]) -> Request:
    target = event.get("objectRef", {})
    parts = [target.get("resource", ""), target.get("subresource", "")]
    return Request(
        received=_time(event["requestReceivedTimestamp"]),
        completed=_time(event["stageTimestamp"]),
        user=event["user"]["username"],
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource="/".join(part for part in parts if part),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        status=event.get("responseStatus", {}).get("code", 0),
        error=event.get("responseStatus", {}).get("message", ""),
    )


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
