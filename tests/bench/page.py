"""Write docs/performance.md from the JSON of a run: `python -m tests.bench.page DIRECTORY [--note TEXT …]`.

The directory has cluster.json, engine.json and so on, as `--json` of each benchmark writes them. A part or a measure
that is missing stays as it is on the page.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.performance_page import PAGE, RUN, TITLES, render


def merged(before: dict[str, Any], parts: dict[str, dict[str, Any]], notes: Sequence[str]) -> dict[str, Any]:
    """Return the run of the page with these parts in place of its own."""
    kept: dict[str, Any] = before.get("parts", {})
    newest = max(parts.values(), key=lambda part: str(part["time"]), default=None)
    machine = _machine(newest) if newest else before.get("machine", {})
    fresh = {name: _replaced(kept.get(name, []), part["figures"]) for name, part in parts.items()}
    return {"machine": machine, "notes": list(notes) or before.get("notes", []), "parts": {**kept, **fresh}}


def _replaced(rows: Sequence[dict[str, Any]], figures: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with the new figures in place of those of the same measure, others after their predecessor."""
    kept = {row["measure"]: row for row in rows}
    order = list(kept)
    for before, figure in zip([None, *figures], figures, strict=False):
        if figure["measure"] not in kept:
            at = order.index(before["measure"]) + 1 if before else len(order)
            order.insert(at, figure["measure"])
        kept[figure["measure"]] = _row(figure)
    return [kept[measure] for measure in order]


def _machine(part: dict[str, Any]) -> dict[str, str]:
    kilobytes = int(str(part["memory"]).split()[0])
    return {
        "processors": f"{part['processors']} of {part['model'] or 'an unnamed model'}",
        "memory": f"{kilobytes / 1e6:.0f} GB",
        "kernel": str(part["kernel"]),
        "idle processors": str(part["idle"]),
        "Python of the benchmark": str(part["python"]),
        "day": str(part["time"])[:10],
    }


def _row(figure: dict[str, Any]) -> dict[str, Any]:
    names = ("measure", "text", "metallb", "aim", "shown", "unit", "n", "least", "p50", "p99", "max", "detail", "load")
    return {name: figure[name] for name in names}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__)
    parser.add_argument("directory", type=Path, help="where the JSON is")
    parser.add_argument(
        "--note", action="append", default=[], help="a sentence about the circumstances; may be repeated"
    )
    options = parser.parse_args(arguments)
    files = {name: options.directory / f"{name}.json" for name in TITLES}
    parts = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    run = merged(json.loads(RUN.read_text()) if RUN.exists() else {}, parts, options.note)
    RUN.write_text(json.dumps(run, ensure_ascii=False, indent=1) + "\n")
    PAGE.write_text(render(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
