"""Prints answers: tables and colours on a terminal, plain lines in a pipe, JSON or YAML for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from exalb.api.shorten import counted, shorten_count
from exalb.cli.printable import printable
from exalb.explain.answer import Answer, Step, Verdict
from exalb.explain.status import Status

_NO_WRAP = 1_000_000
"""Columns where the output is no terminal: the next program wants each line whole."""
_MARKS = {
    Verdict.GOOD: ("ok", "green"),
    Verdict.NOTE: ("note", "yellow"),
    Verdict.UNCHECKED: ("unchecked", "yellow"),
    Verdict.BROKEN: ("BROKEN", "bold red"),
}


def print_data(value: Any, form: str) -> None:  # noqa: ANN401 - JSON
    """Print JSON values as JSON or YAML."""
    if form == "json":
        json.dump(value, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        yaml.safe_dump(value, sys.stdout, sort_keys=False, allow_unicode=True, width=_NO_WRAP)
    sys.stdout.flush()  # of `--watch`, a pipe would else keep the last changes


def console() -> Console:
    """Return the console; rich itself leaves colours out in a pipe and with NO_COLOR."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _NO_WRAP)


def print_answer(found: Answer, *, wide: bool) -> None:
    """Print the steps of an answer; `wide` names all nodes."""
    out = console()
    first = found.first_broken
    style = "bold red" if first else "bold green"
    out.print(printable(f"{found.subject}: {found.summary}"), style=style, soft_wrap=True)
    out.print()
    table = make_table("", "", "")
    for step in found.steps:
        mark, colour = _MARKS[step.verdict]
        table.add_row(mark, step.hop, printable(_text(step, wide=wide)), style=colour if step is first else None)
        if step.next:
            table.add_row("", "", printable(f"→ {step.next}"))
    out.print(table)
    if first:
        out.print()
        out.print(printable(f"First broken: {first.hop}. Next: {first.next}"), style="bold", soft_wrap=True)


def _text(step: Step, *, wide: bool) -> str:
    reason = f"{step.reason.value}: " if step.reason else ""
    members = f" [nodes {' '.join(step.nodes)}; peers {' '.join(step.peers)}]" if wide and step.nodes else ""
    return f"{reason}{step.message}{members}"


def print_status(found: Status) -> None:
    """Print the status on one screen."""
    out = console()
    table = make_table("", "", "")
    table.add_row("Controller", "", printable(found.leader))
    for name, counts, words in (
        ("Speakers", found.speakers, "report"),
        ("Sessions", found.sessions, "Established"),
        ("Prefixes", found.prefixes, "sent, over all sessions"),
        ("Services", found.services, "have the addresses that they request"),
    ):
        table.add_row(name, f"{counts[0]}/{counts[1]}", words, style=None if counts[0] == counts[1] else "red")
    for pool in found.pools:
        table.add_row(
            f"Pool {pool.name}", f"{pool.assigned}/{shorten_count(pool.capacity)}", f"{pool.family} addresses assigned"
        )
    out.print(table)
    out.print()
    _print_steps(out, found.notes, "note", "yellow")
    _print_steps(out, found.problems, "PROBLEM", "red")
    text = "All is well." if found.is_good else _conclusion(found.problems)
    out.print(text, style="bold green" if found.is_good else "bold red")


def _conclusion(problems: Sequence[Step]) -> str:
    count = counted(len(problems), "problem")
    explained = (step.object for step in problems if step.object.startswith(("service/", "node/", "peer/")))
    first = next(explained, "")
    return f"{count}. Next: kubectl exalb explain {first}" if first else f"{count}."


def _print_steps(out: Console, steps: Sequence[Step], word: str, style: str) -> None:
    for step in steps:
        out.print(word, style=style, end=" ")
        out.print(printable(_text(step, wide=False)), soft_wrap=True)
        if step.next:
            out.print(printable(f"        → {step.next}"), soft_wrap=True)


def print_table(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below their columns."""
    table = make_table(*columns, header=True)
    for row in rows:
        table.add_row(*map(printable, row))
    console().print(table)


def make_table(*columns: str, header: bool = False) -> Table:
    """Return an empty table whose long cells fold."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=header)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
