"""Metrics as values and in Prometheus' text format 0.0.4, and counters and histograms that a program keeps.

The client library of Prometheus takes 3.5 MB in each speaker, mostly for an HTTP server that nothing here uses.
"""

import os
import resource
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: its name, which for histograms has a suffix, its labels and its value."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples."""

    name: str
    kind: Kind
    meaning: str
    samples: list[Sample] = field(default_factory=list)


class Counter:
    """A number that grows, for each value of its labels; without labels it begins at 0."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self._name, self._meaning, self._labels = name, meaning, tuple(labels)
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}

    def inc(self, *values: str) -> None:
        """Add 1 to the one with these values of the labels."""
        self._values[values] = self._values.get(values, 0.0) + 1

    def family(self) -> Family:
        """Return the current values."""
        rows = list(self._values.items())
        samples = [Sample(self._name, dict(zip(self._labels, values, strict=True)), count) for values, count in rows]
        return Family(self._name, "counter", self._meaning, samples)


class Histogram:
    """How many observations were at most as large as each bound, how many there were, and their sum."""

    def __init__(self, name: str, meaning: str, bounds: Sequence[float]) -> None:
        self._name, self._meaning, self._bounds = name, meaning, tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self) -> Family:
        """Return the current values."""
        samples, total = [], 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            samples.append(Sample(f"{self._name}_bucket", {"le": _number(bound)}, total))
        samples += [Sample(f"{self._name}_count", {}, total), Sample(f"{self._name}_sum", {}, self._sum)]
        return Family(self._name, "histogram", self._meaning, samples)


def render(families: Iterable[Family]) -> str:
    """Return the text that Prometheus reads."""
    return "".join(line for family in families for line in _lines(family))


def process_metrics() -> Iterator[Family]:
    """Yield memory, processor time and open files of this process, by the names that all client libraries use."""
    fields = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
    ticks = os.sysconf("SC_CLK_TCK")
    boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    opened, (most, _) = len(list(Path("/proc/self/fd").iterdir())), resource.getrlimit(resource.RLIMIT_NOFILE)
    rows: list[tuple[str, Kind, str, float]] = [
        ("virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", float(fields[20])),
        (
            "resident_memory_bytes",
            "gauge",
            "Resident memory size in bytes.",
            int(fields[21]) * os.sysconf("SC_PAGESIZE"),
        ),
        ("start_time_seconds", "gauge", "Start time, in UNIX time.", int(fields[19]) / ticks + float(boot.split()[1])),
        ("cpu_seconds_total", "counter", "Processor time in seconds.", (int(fields[11]) + int(fields[12])) / ticks),
        ("open_fds", "gauge", "Number of open file descriptors.", float(opened)),
        ("max_fds", "gauge", "Maximum number of open file descriptors.", float(most)),
    ]
    for name, kind, meaning, value in rows:
        yield Family(f"process_{name}", kind, meaning, [Sample(f"process_{name}", {}, value)])


def _lines(family: Family) -> Iterator[str]:
    meaning = family.meaning.replace("\\", "\\\\").replace("\n", "\\n")
    yield f"# HELP {family.name} {meaning}\n# TYPE {family.name} {family.kind}\n"
    for sample in family.samples:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
        yield f"{sample.name}{f'{{{labels}}}' if labels else ''} {_number(sample.value)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(text := repr(float(value)), text)
