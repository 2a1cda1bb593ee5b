"""The figures of a run, for people and for machines."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.figures import MEASURES, MILLISECONDS, PERCENT, Figure, Measure
from tests.lab.images import CHECKOUT

WIDTH = 140
"""Characters that the table needs to have each measure on a line."""


TITLE = "ExaLB beside MetalLB 0.16.1 (native | default mode)"


def show(figures: Iterable[Figure], measures: Mapping[str, Measure] = MEASURES, title: str = TITLE) -> None:
    """Print the table."""
    console = Console()
    console.width = max(console.width, WIDTH)
    table = Table(title=title, title_justify="left")
    beside = any(measure.metallb for measure in measures.values())
    for heading in ("measure", *(["MetalLB"] if beside else []), "aim", "ExaLB", "n", "load"):
        table.add_column(heading, no_wrap=heading in {"ExaLB", "load"})
    for figure in sorted(figures, key=lambda figure: list(measures).index(figure.key)):
        measure = measures[figure.key]
        load = f"{figure.load[0]:.1f} → {figure.load[1]:.1f}"
        theirs = [measure.metallb] if beside else []
        table.add_row(measure.text, *theirs, measure.aim, told(figure), str(len(figure.values)), load)
    console.print(table)


def told(figure: Figure) -> str:
    """Return a figure in a few characters: percentiles of many values, all of few."""
    if figure.unit == MILLISECONDS:
        return f"{_short(figure.median)} / {_short(figure.quantile(0.99))}"
    return ", ".join(_short(value, figure.unit) for value in figure.values)


def as_json(figures: Iterable[Figure], measures: Mapping[str, Measure] = MEASURES) -> str:
    """Return all of it as JSON, a line for each figure."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    machine = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "processors": os.cpu_count(),
        "kernel": platform.release(),
    }
    head = json.dumps(machine).removesuffix("}")
    return (
        head
        + ', "figures": [\n'
        + ",\n".join(json.dumps(_record(figure, measures[figure.key])) for figure in figures)
        + "\n]}\n"
    )


def _record(figure: Figure, measure: Measure) -> dict[str, Any]:
    record = {"measure": figure.key, "text": measure.text, "metallb": measure.metallb, "aim": measure.aim}
    numbers = {"p50": figure.median, "p99": figure.quantile(0.99), "max": max(figure.values)}
    return {
        **record,
        "unit": figure.unit,
        "n": len(figure.values),
        **{name: round(value, 3) for name, value in numbers.items()},
        "values": [round(value, 3) for value in figure.values],
        "detail": {name: round(value, 3) for name, value in figure.detail.items()},
        "load": figure.load,
    }


def _short(value: float, unit: str = "") -> str:
    if unit == PERCENT:
        return f"{value:.2f}"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
