"""Decides whether a driver may go on from what it knows when its relay was replaced, or must read the state of ExaBGP.

ExaBGP counts the events that it sent and the commands that it read (`Counters`). What is known is whole if the same run
of ExaBGP sent no event between two connections:

    run    events      commands read         known state   commands without an answer
    same   as known    all that were sent    whole         all were executed
    same   as known    fewer                 whole         the last ones never reached ExaBGP
    same   more        any                   incomplete    unknown: read the state
    other  any         any                   gone          unknown: read the state
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias


class Answer(Enum):
    """The outcome of a command."""

    DONE = "done"
    REFUSED = "error"
    UNANSWERED = "never reached ExaBGP"


Answered: TypeAlias = Callable[[Answer, list[str]], None]
"""Receives the outcome of a command, and the lines of its answer."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The counters of one run of ExaBGP."""

    run: str
    events: int
    """How many events it sent."""
    commands: int
    """How many commands about neighbors it read."""

    def plus(self, events: int = 0, commands: int = 0) -> "Counters":
        """Return the counters after so many more events and commands."""
        return replace(self, events=self.events + events, commands=self.commands + commands)


class Resumption:
    """The counters at the start of the current connection, and those that the last one leads to."""

    def __init__(self) -> None:
        self._at_start: Counters | None = None
        self._expected: Counters | None = None
        self._unanswered: Sequence[Answered] = ()

    def start(self, counters: Counters) -> None:
        """Store what ExaBGP had counted when the current connection began."""
        self._at_start = counters

    def end(self, events: int, commands: int, unanswered: Sequence[Answered]) -> None:
        """Store how many events and commands the connection carried, and the commands without an answer."""
        self._expected = self._at_start and self._at_start.plus(events, commands)
        self._at_start, self._unanswered = None, unanswered

    def unread(self, counters: Counters) -> int | None:
        """Return how many of the last commands never reached ExaBGP; None if its state must be read."""
        if self._expected is None or (counters.run, counters.events) != (self._expected.run, self._expected.events):
            return None
        unread = self._expected.commands - counters.commands
        return unread if 0 <= unread <= len(self._unanswered) else None

    def settle(self, unread: int) -> None:
        """Report the outcome of the commands without an answer: all except the last `unread` ones were executed."""
        executed = len(self._unanswered) - unread
        for number, answered in enumerate(self._unanswered):
            answered(Answer.DONE if number < executed else Answer.UNANSWERED, [])
