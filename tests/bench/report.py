"""The figures of a run, for people and for machines."""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.figures import EXPONENT, MEASURES, MICROSECONDS, MILLISECONDS, PERCENT, PROCESSOR, Figure, Measure
from tests.lab.images import CHECKOUT
from tests.support.awake import idle_processors

WIDTH = 140
"""Characters that the table needs to have each measure on a line."""


TITLE = "ExaLB and MetalLB 0.16.1 (native | default mode)"


def parser(module: str, description: str | None, scenarios: Iterable[str] = ()) -> argparse.ArgumentParser:
    """Return the command line that the programs of the benchmark have in common."""
    common = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    common.add_argument("--json", type=Path, metavar="FILE", help="write the JSON there instead of printing it")
    if names := list(scenarios):
        common.add_argument("--only", nargs="+", choices=names, default=names, help="run these alone")
    return common


def publish(
    figures: Sequence[Figure],
    file: Path | None,
    measures: Mapping[str, Measure] = MEASURES,
    title: str = TITLE,
) -> int:
    """Print the table, and write the JSON; return the exit status: 1 where a figure exceeds its limit."""
    figures = sorted(figures, key=lambda figure: list(measures).index(figure.key))
    show(figures, measures, title)
    text = as_json(figures, measures)
    if file:
        file.write_text(text)
    else:
        sys.stdout.write(text)
    return int(any(min(figure.values) > measures[figure.key].limit for figure in figures))


def show(figures: Iterable[Figure], measures: Mapping[str, Measure], title: str) -> None:
    """Print the table."""
    console = Console(stderr=True)
    console.width = max(console.width, WIDTH)
    table = Table(title=title, title_justify="left")
    compared = any(measure.metallb for measure in measures.values())
    for heading in ("measure", *(["MetalLB"] if compared else []), "aim", "ExaLB", "n", "load"):
        table.add_column(heading, no_wrap=heading in {"ExaLB", "load"})
    for figure in figures:
        measure = measures[figure.key]
        load = f"{figure.load[0]:.1f} → {figure.load[1]:.1f}"
        theirs = [measure.metallb] if compared else []
        table.add_row(measure.text, *theirs, _aim(measure), shown(figure), str(len(figure.values)), load)
    console.print(table)


def shown(figure: Figure) -> str:
    """Return a figure in a few characters: two percentiles of many values, each of few; of a processor the least."""
    if figure.unit == PROCESSOR:
        return f"{min(figure.values):.1f} / {figure.median:.1f}"
    if figure.unit in {MILLISECONDS, MICROSECONDS}:
        return f"{_short(figure.median)} / {_short(figure.quantile(0.99))}"
    return ", ".join(_short(value, figure.unit) for value in figure.values)


def as_json(figures: Iterable[Figure], measures: Mapping[str, Measure]) -> str:
    """Return all of it as JSON, a line for each figure."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    machine = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "processors": os.cpu_count(),
        "model": _line_of("/proc/cpuinfo", "model name"),
        "memory": _line_of("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "idle": idle_processors(),
    }
    head = json.dumps(machine).removesuffix("}")
    return (
        head
        + ', "figures": [\n'
        + ",\n".join(json.dumps(_record(figure, measures[figure.key])) for figure in figures)
        + "\n]}\n"
    )


def _line_of(path: str, name: str) -> str:
    """Return the value of the first line of this name in a file of /proc."""
    lines = (line.partition(":") for line in Path(path).read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")


def _record(figure: Figure, measure: Measure) -> dict[str, Any]:
    record = {"measure": figure.key, "text": measure.text, "metallb": measure.metallb, "aim": measure.aim}
    numbers = {
        "least": min(figure.values),
        "p50": figure.median,
        "p99": figure.quantile(0.99),
        "max": max(figure.values),
    }
    return {
        **record,
        "unit": figure.unit,
        "shown": shown(figure),
        "n": len(figure.values),
        **{name: round(value, 3) for name, value in numbers.items()},
        "values": [round(value, 3) for value in figure.values],
        "detail": {name: round(value, 3) for name, value in figure.detail.items()},
        "load": figure.load,
    }


def _aim(measure: Measure) -> str:
    return measure.aim or (f"≤ {measure.limit:,.0f}" if measure.limit < math.inf else "")


def _short(value: float, unit: str = "") -> str:
    if unit in {PERCENT, EXPONENT}:
        return f"{value:.2f}"
    return (
        f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 0.1 else f"{value:.2g}"
    )
