"""The page about performance, made from a run of the benchmark: docs/performance.json has the run, with every value."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.tree import ROOT

PAGE, RUN = ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.json"

TITLES = {
    "cluster": "In a cluster, with MetalLB's figures",
    "engine": "The BGP engine, with GoBGP's figures",
    "trace": "One event, stage by stage",
    "crowd": "A Service next to refused ones",
    "growth": "Growth with Services and nodes",
    "fleet": "Many speakers and one API server",
}
"""The parts of a run, in the order of the page."""
ABOUT = {
    "cluster": """\
Two nodes, one FRR and a whole control plane share the machine. MetalLB 0.16.1 was measured in such a lab before: its
native mode, `|`, its FRR mode. `/` stands between the median and the 99th percentile.""",
    "engine": """\
`exalb_bgp` drives ExaBGP, and the routers only receive. GoBGP ran in the same run, fed by its own client.""",
    "trace": """\
There are 1,000 other Services where a measure does not say how many. In µs: median `/` 99th percentile. The stages
inside the speaker, from JSON to driver, are its time of a processor; the others are time that passed. `make trace`
prints this part alone.""",
    "crowd": """\
5,000 Services of another namespace name a pool that does not exist. API server, etcd and controller are real, and
share the machine.""",
    "growth": """\
Decisions alone, without a network: 2 nodes where Services vary, 1,000 Services where nodes vary. The exponent is the
slope between the logarithms of size and cost over the three largest sizes: at 1, twice as many cost twice as much.""",
    "fleet": """\
With 200 Services. Where a row has several values, they are those of 10, 100 and 500 speakers; one value is that of
500; a speaker that starts next to 10,000 Services has three tries. API server and etcd are real, and alone; speakers
and a controller are real except for the BGP engine, and share one process, whose times say little. What counts is the
API server's own account of its work. An exponent is that of what all speakers cost together; what is on paper
continues its line.""",
}
MEANING = """\
- **n** is the number of values: tries, or nodes. Of few values all are shown, of many the median and the 99th.
- **load** is the load average of the machine over a minute, before and after. Above the number of processors, programs
  waited for one: times are longer then, and the 99th percentiles most. Memory, counts and time of a processor are not.
- **memory** is PSS: memory that processes of a node share is divided among them.
- **CPU** is the time of a processor that all processes of a node had while nothing happened.
- **idle processors** poll while `make performance` measures: it asks the kernel for a wake-up time of 0 µs
  (`/dev/cpu_dma_latency`). One that slept is slow for a while, in a virtual machine most. MetalLB's figures are of
  processors that slept.
- **aim** is a goal of the project, not a promise."""


def render(run: Mapping[str, Any]) -> str:
    """Return the whole page."""
    return "\n".join(_lines(run))


def _lines(run: Mapping[str, Any]) -> Iterator[str]:
    yield "# Performance\n"
    yield "`make performance` measures it on your machine, and writes this page from `docs/performance.json`."
    for note in run["notes"]:
        yield f"\n{note}"
    yield "\n## The machine\n\n| | |\n|---|---|"
    yield from (f"| {name} | {value} |" for name, value in run["machine"].items())
    yield f"\n## What the figures mean\n\n{MEANING}"
    for part, title in TITLES.items():
        if figures := run["parts"].get(part):
            yield f"\n## {title}\n\n{ABOUT[part]}\n"
            yield from _table(figures)
    yield ""


def _table(figures: list[Mapping[str, Any]]) -> Iterator[str]:
    columns = ["metallb", "aim"]
    used = [column for column in columns if any(figure[column] for figure in figures)]
    headings = ["measure", *({"metallb": "MetalLB", "aim": "aim"}[column] for column in used), "ExaLB", "n", "load"]
    yield f"| {' | '.join(headings)} |\n|{'---|' * len(headings)}"
    for figure in figures:
        load = " → ".join(f"{value:.1f}" for value in figure["load"])
        cells = [figure["text"], *(figure[column] for column in used), figure["shown"], str(figure["n"]), load]
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
