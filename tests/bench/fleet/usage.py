"""The metrics of an API server about its own work: https://kubernetes.io/docs/reference/instrumentation/metrics/."""

import re
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Self

from exalb.kube.client import ApiClient

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_WRITES = ('verb="POST"', 'verb="PUT"', 'verb="PATCH"', 'verb="APPLY"', 'verb="DELETE"')


@dataclass(frozen=True, slots=True)
class Usage:
    """The counters at one moment, or what two moments have between them."""

    seconds: float
    requests: float
    """All that ended: a watch counts when it ends."""
    writes: float
    megabytes: float
    """Of lists, of single objects, and of the events of watches, as JSON before compression."""
    watches: float
    """That are open: no counter."""
    rejected: float
    """By priority and fairness, with 429."""
    processor: float
    """Seconds of the API server."""
    memory: float
    """Megabytes of the API server: no counter."""

    @classmethod
    async def read(cls, api: ApiClient) -> Self:
        """Read it from the API server; raises ApiError."""
        return cls._parse(await api.text("/metrics", {}))

    @classmethod
    def _parse(cls, text: str) -> Self:
        found: Mapping[str, list[tuple[str, float]]] = defaultdict(list)
        for name, labels, value in _SAMPLE.findall(text):
            found[name].append((labels, float(value)))

        def total(name: str, *labels: str) -> float:
            return sum(value for own, value in found[name] if not labels or any(label in own for label in labels))

        # When a watch ends, all of its events count again as the size of its answer.
        answers = sum(value for own, value in found["apiserver_response_sizes_sum"] if 'verb="WATCH"' not in own)
        return cls(
            seconds=time.monotonic(),
            requests=total("apiserver_request_total"),
            writes=total("apiserver_request_total", *_WRITES),
            megabytes=(answers + total("apiserver_watch_events_sizes_sum")) / 1e6,
            watches=total("apiserver_longrunning_requests", 'verb="WATCH"'),
            rejected=total("apiserver_flowcontrol_rejected_requests_total"),
            processor=total("process_cpu_seconds_total"),
            memory=total("process_resident_memory_bytes") / 1e6,
        )

    def since(self, before: "Usage") -> "Usage":
        """Return what came since; what is no counter stays as it is now."""
        now = {field.name: getattr(self, field.name) for field in fields(self)}
        counted = {name: value - getattr(before, name) for name, value in now.items()}
        return Usage(**{**counted, "watches": self.watches, "memory": self.memory})

    def beyond(self, rest: "Usage | None") -> "Usage":
        """Return what was counted in addition to what the same time has at rest; without `rest`, all of it."""
        if rest is None:
            return self
        share, counted = self.seconds / rest.seconds, {"requests", "writes", "megabytes", "processor"}
        return replace(self, **{name: max(0.0, getattr(self, name) - share * getattr(rest, name)) for name in counted})
