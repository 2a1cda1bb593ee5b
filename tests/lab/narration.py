"""The output while a lab comes up or a demo runs: every step, and a line of progress every few seconds."""

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

SIGN_OF_LIFE = 4.0
"""Seconds between two lines of progress where the output is no terminal."""


class Narration:
    """Prints each step as it is done."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @classmethod
    def quiet(cls) -> "Narration":
        """Return a narration without output."""
        return cls(Console(quiet=True))

    def say(self, text: str) -> None:
        """Print a detail of the present step."""
        self.console.print(f"   [dim]{escape(text)}[/dim]", highlight=False, soft_wrap=True)

    def title(self, text: str) -> None:
        """Begin a chapter."""
        self.console.print(f"\n[bold cyan]{escape(text)}[/bold cyan]", highlight=False, soft_wrap=True)

    def typed(self, command: str) -> None:
        """Show a command as a person would type it."""
        self.console.print(
            f"[bold green]$[/bold green] [bold]{escape(command)}[/bold]", highlight=False, soft_wrap=True
        )

    def answered(self, text: str) -> None:
        """Show the output of a command."""
        for line in text.rstrip().splitlines() or ["(nothing)"]:
            self.console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)

    def hint(self, command: str, meaning: str) -> None:
        """Offer a command, with what it is for."""
        line = f"  [bold]{escape(command)}[/bold]  [dim]# {escape(meaning)}[/dim]"
        self.console.print(line, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show a step while it runs, and its duration at the end; a failure is left to the caller."""
        begun = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(escape(text)):
                yield
        else:
            with self._signs_of_life(text, begun):
                yield
        self.console.print(
            f" [green]✓[/green] {escape(text)} [dim]{time.monotonic() - begun:.1f} s[/dim]", highlight=False
        )

    @contextlib.contextmanager
    def _signs_of_life(self, text: str, begun: float) -> Iterator[None]:
        done = threading.Event()

        def report() -> None:
            while not done.wait(SIGN_OF_LIFE):
                self.say(f"… {text}: {time.monotonic() - begun:.0f} s")

        reporter = threading.Thread(target=report, daemon=True)
        reporter.start()
        try:
            yield
        finally:
            done.set()
            reporter.join()
