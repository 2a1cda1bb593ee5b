"""What a person sees while a lab comes up or a demo runs: every step, and a sign of life every few seconds."""

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

SIGN_OF_LIFE = 4.0
"""Seconds between two lines where no spinner can turn."""


class Narration:
    """Tells what is done, as it is done."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @classmethod
    def quiet(cls) -> "Narration":
        """Return one that says nothing."""
        return cls(Console(quiet=True))

    def say(self, text: str) -> None:
        """Tell a detail of the step at hand."""
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
        """Show what came back."""
        for line in text.rstrip().splitlines() or ["(nothing)"]:
            self.console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)

    def hint(self, command: str, meaning: str) -> None:
        """Offer a command, with what it is for."""
        line = f"  [bold]{escape(command)}[/bold]  [dim]# {escape(meaning)}[/dim]"
        self.console.print(line, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Tell that something goes on, and how long it took; a failure is left to whoever catches it."""
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

        def tell() -> None:
            while not done.wait(SIGN_OF_LIFE):
                self.say(f"… {text}: {time.monotonic() - begun:.0f} s")

        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            teller.join()
