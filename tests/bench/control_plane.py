"""Runs the benchmarks of a controller alone, each in a control plane of its own, without nodes."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from tests.bench import report
from tests.bench.figures import Figure, Measure, load_average
from tests.lab import layout
from tests.lab.cluster import Lab
from tests.lab.narration import Narration
from tests.lab.nodeconfig import API_PORT
from tests.support.kubernetes.fixtures import install_crds
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark with a number of Services."""

    lab: str
    """The name of its lab."""
    module: str
    about: str | None
    count: int
    """How many Services, unless the command line says so."""
    counted: str
    """The help for that number."""
    measures: Mapping[str, Measure]
    title: str
    """The title of the table, with `{}` for the number."""

    def run(self, arguments: Sequence[str] | None, measure: Callable[[Lab, int], Iterator[Figure]]) -> int:
        """Do what the command line says; return the exit status."""
        parser = report.parser(self.module, self.about)
        parser.add_argument("--count", type=int, default=self.count, help=self.counted)
        options = parser.parse_args(arguments)
        console, figures = Console(stderr=True), list[Figure]()
        lab = Lab(self.lab, Narration(console))
        try:
            lab.up(nodes=0)
            install_crds(lab)
            before = load_average()
            for figure in measure(lab, options.count):
                figures.append(replace(figure, load=(before, load_average())))
                console.print(f"{self.measures[figure.key].text}: {report.shown(figure)}")
        finally:
            lab.down()
        return report.publish(figures, options.json, self.measures, self.title.format(f"{options.count:,}"))


@contextmanager
def programs_of(lab: Lab) -> Iterator[tuple[Programs, str]]:
    """Yield the programs of a benchmark, which end with the context, and the URL of their API server."""
    address = str(layout.on_fabric(layout.CONTROL_PLANE)[0].ip)
    with (
        Gate(lab.control_plane.namespace, address, API_PORT) as gate,
        tempfile.TemporaryDirectory() as directory,
        Programs(lab, Path(directory)).ended() as programs,
    ):
        yield programs, gate.url
