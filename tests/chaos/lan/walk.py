"""One walk on a LAN: after each move, a rest until the client finds each address at the node that has to have it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from exalb_l2.frames import Address
from exalb_l2.goal import mac_text
from tests.chaos.lan import expected
from tests.chaos.lan.expected import MET, Answers
from tests.chaos.lan.moves import NODES, Itinerary, Move, ObjectMove, Situation
from tests.chaos.lan.world import ALL, LanWorld
from tests.lab.wait import until

SETTLING = 12.0
"""Seconds in which everything settles, on a busy machine too."""
LOOKS = 4
"""So many looks in a row must show the same."""
BOTH = 2.0
"""Seconds that two nodes may answer for an address, as after a partition: the design says a quarter of a second."""
SHOWN = 24
BEGIN = Move(ObjectMove.ALL_ENDPOINTS)


@dataclass(slots=True)
class Figures:
    """The figures of a walk."""

    steps: int = 0
    looks: int = 0
    """At all addresses, by ARP and NDP."""
    answers: int = 0
    """At rests, one for each address that a node had to announce."""
    moves: int = 0
    """Of an address from one node to another."""
    doubles: int = 0
    """Addresses for which two nodes answered for a moment."""
    longest: float = 0.0
    """Seconds of the longest such moment."""


class AstrayError(AssertionError):
    """The client finds another node than it must; the text has the seed and the moves before."""


class Walker:
    """Walks, and remembers who announced what at the last rest."""

    def __init__(self, world: LanWorld, figures: Figures) -> None:
        self._world, self._figures = world, figures
        self._names = {mac_text(node.interface.mac): name for name, node in world.lan.nodes.items()}
        self._before: Answers = {}
        self._seen: Mapping[Address, set[str]] = {}
        self._calm = 0
        self._doubles: dict[Address, float] = {}
        """Since when more than one node answers."""

    def rest(self, move: Move, situation: Situation) -> None:
        """Wait until all is as it must be, for several looks in a row; TooLateError if it is not."""
        self._calm = 0
        until("each address is at its node", lambda: self._is_calm(move, situation), seconds=SETTLING, every=0.02)
        assert self._figures.longest <= BOTH, f"two nodes answered for an address for {self._figures.longest:.1f} s"
        after = {address: next(iter(nodes)) for address, nodes in self._seen.items() if nodes}
        self._figures.answers += len(after)
        self._figures.moves += sum(self._before.get(address, node) != node for address, node in after.items())
        self._before = after
        others = [node for node in NODES if node != move.where and situation.answers(node)]
        if move.act in MET and not others:
            # The node sees no other by which it knew that it was cut off: clients ask when theirs does not answer.
            self._world.forget()
        self._follow(after)

    def _is_calm(self, move: Move, situation: Situation) -> bool:
        self._calm += 1
        raw, self._seen = self._world.speakers.objects(), self._look()
        wrong = list(
            expected.mistakes(expected.candidates(raw, situation), self._seen, self._before, (move, situation))
        )
        wrong += expected.unreported(raw, situation)
        self._calm = 0 if wrong else self._calm
        assert not wrong, "; ".join(wrong)
        return self._calm >= LOOKS

    def _look(self) -> dict[Address, set[str]]:
        self._figures.looks += 1
        macs = self._world.prober.ask(ALL)
        seen = {address: {self._names.get(mac, mac) for mac in found} for address, found in macs.items()}
        self._note_doubles(seen)
        return seen

    def _note_doubles(self, seen: Mapping[Address, set[str]]) -> None:
        now = time.monotonic()
        for address, nodes in seen.items():
            if len(nodes) < 2:
                self._doubles.pop(address, None)
                continue
            self._figures.doubles += address not in self._doubles
            lasted = now - self._doubles.setdefault(address, now)
            self._figures.longest = max(self._figures.longest, lasted)

    def _follow(self, answers: Answers) -> None:
        """Wait until the client's cache has the same nodes, though the client sends nothing by which it could learn."""
        self._world.ping(*(answers.keys() - self._world.cached().keys()))

        def follows() -> bool:
            cached = self._world.cached()
            wrong = {
                str(address): (self._names.get(cached.get(address, ""), ""), node)
                for address, node in answers.items()
                if self._names.get(cached.get(address, "")) != node
            }
            assert not wrong, f"in the cache, and announced by: {wrong}"
            return True

        until("the client's cache follows", follows, seconds=SETTLING)


def walk(world: LanWorld, seed: int, steps: int, figures: Figures) -> None:
    """Walk, and add it up; AstrayError on a mismatch, with the command that walks the same way again."""
    trace, began = list[str](), time.monotonic()
    itinerary, walker = Itinerary(seed), Walker(world, figures)
    try:
        walker.rest(BEGIN, itinerary.situation)
        for step in range(1, steps + 1):
            move = itinerary.draw()
            trace.append(f"{time.monotonic() - began:7.2f} s  {step:3} {move}")
            world.play(move, itinerary.situation)
            walker.rest(move, itinerary.situation)
            figures.steps += 1
        assert not world.tracebacks()
    except (AssertionError, RuntimeError) as error:
        way, logs = "\n".join(trace[-SHOWN:]), "\n".join(world.logs())
        text = f"seed {seed}: {error}\n{way}\n{itinerary.situation}\n{logs}\nto replay: {command(seed, steps)}"
        raise AstrayError(text) from error


def command(seed: int, steps: int) -> str:
    """Return the command that walks this way."""
    return f"make chaos WALK=lan SEED={seed} STEPS={steps}"
