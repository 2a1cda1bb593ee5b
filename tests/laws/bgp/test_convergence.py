"""Whatever is wanted, lost, cut and restarted on the way: in the end the router has the desired table."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address, ip_network

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exalb_bgp.convergence import Adjacency
from exalb_bgp.engine import Engine
from exalb_bgp.events import Closed
from exalb_bgp.paths import resolve
from exalb_bgp.rib import Attributes, Prefix, diff
from exalb_bgp.session import Family, Session
from exalb_bgp.speaker import Speaker
from exalb_bgp.steps import EndOfRib, Replay, Step
from tests.laws.bgp.exabgp_model import Answer, ExaBGPModel, Output

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session(
    "tor", IPv4Address("203.0.113.1"), 64512, 64513, IPv4Address("10.77.0.11"), families=frozenset({Family.IPV4})
)
PREFIXES = [ip_network(f"198.51.100.{number}/32") for number in range(4)]
HOP = IPv4Address("10.77.0.9")
ATTRIBUTES = [Attributes(med=1), Attributes(), *(Attributes(next_hop=HOP, as_path_prepend=n) for n in range(3))]
WANTS = [(prefix, attributes) for prefix in PREFIXES for attributes in (None, *ATTRIBUTES)]
MOVES = {"turn": 12, "work": 18, "send": 12, "hear": 18, "reload": 3, "refresh": 2, "flap": 3, "close": 1, "open": 3}
MOVES |= {"silence": 2, "kill ExaBGP": 1, "kill driver": 2, "kill relay": 3, "kill relay late": 3, "rest": 2}
MOVES |= {"clock forward": 1, "clock back": 1}
"""How often each happens, beside one of each want."""
EVENTS = [*WANTS, *(move for move, times in MOVES.items() for _ in range(times))]
WALKS = int(os.environ.get("EXALB_WALKS", "2000"))


def as_shown(attributes: Attributes) -> Attributes:
    """Return attributes as the router sees them."""
    return resolve(attributes, attributes.next_hop or SESSION.router_id, SESSION)


class Walk:
    """A driver, ExaBGP and a router, taking turns in any order."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.model = ExaBGPModel(SESSION)
        self.desired: dict[Prefix, Attributes] = {}
        self.unanswered: list[Step] = []
        self.was_blocked = False
        """Whether the router ever read nothing for so long that the driver gave up."""
        self.now = NOW
        """What the clock of the node says, which is stepped now and then."""
        self.apply()
        self.model.open()

    def apply(self) -> None:
        """Give the driver the goal that is wanted now."""
        self.engine.desire(Speaker({"tor": SESSION}, {"tor": dict(self.desired)}), {})

    @property
    def adjacency(self) -> Adjacency:
        """Look into the driver's only peer."""
        return self.engine._adjacencies[SESSION.peer_address]

    @property
    def expected(self) -> dict[Prefix, Attributes]:
        """Tell what the router shall have in the end."""
        return {prefix: as_shown(attributes) for prefix, attributes in self.desired.items()}

    def deliver(self, output: Output) -> None:
        """Let the driver hear one thing."""
        if isinstance(output, Answer):
            self.unanswered.remove(output.step)
            self.engine.answered(output.step, output.done)
        else:
            self.engine.fold(output, self.now)

    def turn(self) -> None:
        """Let the driver do what is due."""
        for step in self.engine.steps():
            why = "nothing is ever lost here, so nothing has to be asked for twice"
            assert self.was_blocked or not isinstance(step, Replay), why
            if isinstance(step, EndOfRib) and not any(isinstance(output, Closed) for output in self.model.output):
                assert self.model.router == self.expected
            self.ask(step)

    def ask(self, step: Step) -> None:
        """Give ExaBGP one thing to do."""
        self.unanswered.append(step)
        self.model.take(step)

    def want(self, prefix: Prefix, attributes: Attributes | None) -> None:
        """Want a prefix otherwise, or no more."""
        self.desired.pop(prefix, None)
        if attributes is not None:
            self.desired[prefix] = attributes
        self.apply()

    def move(self, move: str) -> None:
        """Let one of them have a turn, or something go wrong."""
        does: dict[str, Callable[[], None]] = {
            "turn": self.turn,
            "work": self.model.work,
            "send": self.model.send,
            "hear": self.hear,
            "reload": self.model.reload,
            "refresh": self.model.refresh,
            "flap": self.flap,
            "close": self.model.close,
            "open": self.model.open,
            "silence": self.silence,
            "kill ExaBGP": self.kill_exabgp,
            "kill driver": self.kill_driver,
            "kill relay": partial(self.kill_relay, lose=True),
            "kill relay late": partial(self.kill_relay, lose=False),
            "rest": self.rest,
            "clock forward": partial(self.step_clock, timedelta(days=3)),
            "clock back": partial(self.step_clock, timedelta(days=-3)),
        }
        does[move]()

    def step_clock(self, by: timedelta) -> None:
        """Have the clock of the node put right."""
        self.now += by

    def hear(self) -> None:
        """Let the driver hear what came first."""
        if self.model.output:
            self.deliver(self.model.output.popleft())

    def flap(self) -> None:
        """End the session and open it again."""
        self.model.close()
        self.model.open()

    def silence(self) -> None:
        """Let the time pass after which the driver gives up waiting; what the router does not read comes later."""
        if self.model.up and not self.model.commands and not self.model.output:
            self.was_blocked = self.was_blocked or self.model.sending
            self.abandon()

    def kill_exabgp(self) -> None:
        """Start ExaBGP anew."""
        self.model.die()
        self.reconnect()
        self.model.open()

    def kill_driver(self) -> None:
        """Start the driver anew."""
        if not self.model.commands:
            self.engine = Engine()
            self.reconnect()

    def kill_relay(self, *, lose: bool) -> None:
        """Lose what ExaBGP said, and maybe what it had not taken yet; go on from what is known where that can be."""
        missed = any(not isinstance(output, Answer) for output in self.model.output)
        lost: list[Step] = []
        while lose and len(self.model.commands) > 1:
            lost.insert(0, self.model.commands.pop()[0])
        done = self.unanswered[: len(self.unanswered) - len(lost)]
        if missed:
            self.reconnect()
            return
        self.model.forget_driver()
        self.unanswered = []
        for step in done:
            self.engine.answered(step, True)
        for step in lost:
            self.engine.unheard(step)

    def abandon(self) -> None:
        """Let the time pass after which the driver gives up waiting."""
        for peer in self.engine.waiting:
            self.engine.abandon(peer)

    def reconnect(self) -> None:
        """Read back what is, and take it up."""
        self.unanswered = []
        snapshot, held = self.model.forget_driver()
        while self.model.sending and self.model.up:
            self.model.send()
        self.apply()
        self.engine.adopt([snapshot], {SESSION.peer_address: held}, self.now)
        while self.model.output:
            self.deliver(self.model.output.popleft())

    def difference_is_kept(self) -> None:
        """Find by a fresh comparison what every event keeps up to date."""
        adjacency = self.adjacency
        if not adjacency.established:
            return
        shown = {prefix: as_shown(held) if held.next_hop is None else held for prefix, held in adjacency.wire.items()}
        delta = diff(shown, self.expected)
        busy = {*adjacency.flight, *adjacency.repeated}
        assert set(adjacency._unsent) == set(delta.announce)
        assert set(adjacency._ready) == set(delta.announce) - busy - set(adjacency.refused)
        assert set(adjacency._surplus) == delta.withdraw - busy - set(adjacency.refused)

    def only_what_is_up_is_told(self) -> None:
        """Between two turns, nothing waits for a peer that the driver knows to be down."""
        assert self.adjacency.established or not list(self.engine.steps())

    def rest(self) -> None:
        """Let everything come to rest: the router has what is desired, and End-of-RIB came with it."""
        for output in self.model.run_dry():
            self.deliver(output)
        self.model.open()
        seen = len(self.model.ends)
        self.apply()
        for _ in range(40):
            self.turn()
            for output in self.model.run_dry():
                self.deliver(output)
                self.turn()
            if self.engine.settled and self.model.quiet:
                break
            self.abandon()
        assert self.model.router == self.expected
        assert self.engine.settled
        assert self.engine.status(True).sessions["tor"].sent == len(self.expected)
        assert all(end == self.expected for end in self.model.ends[seen:])
        assert self.model.opened == self.model.ended, "each session ends its initial update"


@settings(
    max_examples=WALKS,
    deadline=None,
    derandomize="EXALB_WALKS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(st.sampled_from(EVENTS), min_size=30, max_size=120))
def test_every_walk_ends_with_the_desired_table(events: list[tuple[Prefix, Attributes | None] | str]) -> None:
    walk = Walk()
    for event in events:
        if isinstance(event, str):
            walk.move(event)
        else:
            walk.want(*event)
        walk.difference_is_kept()
        walk.only_what_is_up_is_told()
    walk.rest()
