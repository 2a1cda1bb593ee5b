"""After any sequence of changes, losses and restarts, the router ends with the desired table."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address, ip_network

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exalb_bgp.events import Closed
from exalb_bgp.paths import resolve
from exalb_bgp.peer_sync import PeerSync
from exalb_bgp.rib import Attributes, Prefix, diff
from exalb_bgp.session import Family, Session
from exalb_bgp.speaker import Speaker
from exalb_bgp.speaker_sync import SpeakerSync
from exalb_bgp.steps import EndOfRib, ResendAll, Step
from tests.laws.bgp.exabgp_model import Answer, ExaBGPModel, Output

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session(
    "tor", IPv4Address("203.0.113.1"), 64512, 64513, IPv4Address("10.77.0.11"), families=frozenset({Family.IPV4})
)
PREFIXES = [ip_network(f"198.51.100.{number}/32") for number in range(4)]
HOP = IPv4Address("10.77.0.9")
ATTRIBUTES = [Attributes(med=1), Attributes(), *(Attributes(next_hop=HOP, as_path_prepend=n) for n in range(3))]
WANTS = [(prefix, attributes) for prefix in PREFIXES for attributes in (None, *ATTRIBUTES)]
MOVES = {"turn": 12, "work": 18, "send": 12, "receive": 18, "reload": 3, "refresh": 2, "flap": 3, "close": 1, "open": 3}
MOVES |= {"silence": 2, "kill ExaBGP": 1, "kill driver": 2, "kill relay": 3, "kill relay late": 3, "rest": 2}
MOVES |= {"clock forward": 1, "clock back": 1}
"""The weight of each move; each change of a route has weight 1."""
EVENTS = [*WANTS, *(move for move, times in MOVES.items() for _ in range(times))]
WALKS = int(os.environ.get("EXALB_WALKS", "2000"))


def as_shown(attributes: Attributes) -> Attributes:
    """Return attributes as the router sees them."""
    return resolve(attributes, attributes.next_hop or SESSION.router_id, SESSION)


class Walk:
    """A driver, ExaBGP and a router, taking turns in any order."""

    def __init__(self) -> None:
        self.sync = SpeakerSync()
        self.model = ExaBGPModel(SESSION)
        self.desired: dict[Prefix, Attributes] = {}
        self.unanswered: list[Step] = []
        self.was_blocked = False
        """Whether the router ever did not read for so long that operations timed out."""
        self.now = NOW
        """The time of the clock of the node, which is set now and then."""
        self.apply()
        self.model.open()

    def apply(self) -> None:
        """Give the driver the current goal."""
        self.sync.set_desired(Speaker({"tor": SESSION}, {"tor": dict(self.desired)}), {})

    @property
    def peer_sync(self) -> PeerSync:
        """Return the driver's only peer."""
        return self.sync._peers[SESSION.peer_address]

    @property
    def expected(self) -> dict[Prefix, Attributes]:
        """Return the table that the router must have in the end."""
        return {prefix: as_shown(attributes) for prefix, attributes in self.desired.items()}

    def deliver(self, output: Output) -> None:
        """Give the driver one output of ExaBGP."""
        if isinstance(output, Answer):
            self.unanswered.remove(output.step)
            self.sync.answered(output.step, output.done)
        else:
            self.sync.handle_event(output, self.now)

    def turn(self) -> None:
        """Let the driver take its next steps."""
        for step in self.sync.steps():
            why = "nothing is lost here, so no step may be repeated"
            assert self.was_blocked or not isinstance(step, ResendAll), why
            if isinstance(step, EndOfRib) and not any(isinstance(output, Closed) for output in self.model.output):
                assert self.model.router == self.expected
            self.ask(step)

    def ask(self, step: Step) -> None:
        """Give ExaBGP one command."""
        self.unanswered.append(step)
        self.model.take(step)

    def want(self, prefix: Prefix, attributes: Attributes | None) -> None:
        """Change the desired attributes of a prefix, or remove it."""
        self.desired.pop(prefix, None)
        if attributes is not None:
            self.desired[prefix] = attributes
        self.apply()

    def move(self, move: str) -> None:
        """Let one of them act, or let something fail."""
        does: dict[str, Callable[[], None]] = {
            "turn": self.turn,
            "work": self.model.work,
            "send": self.model.send,
            "receive": self.receive,
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
        """Set the clock of the node."""
        self.now += by

    def receive(self) -> None:
        """Give the driver the oldest output of ExaBGP."""
        if self.model.output:
            self.deliver(self.model.output.popleft())

    def flap(self) -> None:
        """End the session and open it again."""
        self.model.close()
        self.model.open()

    def silence(self) -> None:
        """Let operations time out; the router reads pending UPDATEs later."""
        if self.model.up and not self.model.commands and not self.model.output:
            self.was_blocked = self.was_blocked or self.model.sending
            self.time_out()

    def kill_exabgp(self) -> None:
        """Restart ExaBGP."""
        self.model.die()
        self.reconnect()
        self.model.open()

    def kill_driver(self) -> None:
        """Restart the driver."""
        if not self.model.commands:
            self.sync = SpeakerSync()
            self.reconnect()

    def kill_relay(self, *, lose: bool) -> None:
        """Lose output of ExaBGP, and perhaps unread commands; continue from the known state if possible."""
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
            self.sync.answered(step, True)
        for step in lost:
            self.sync.mark_unsent(step)

    def time_out(self) -> None:
        """Let operations time out."""
        for peer in self.sync.waiting:
            self.sync.time_out(peer)

    def reconnect(self) -> None:
        """Read back the actual state, and adopt it."""
        self.unanswered = []
        snapshot, held = self.model.forget_driver()
        while self.model.sending and self.model.up:
            self.model.send()
        self.apply()
        self.sync.adopt([snapshot], {SESSION.peer_address: held}, self.now)
        while self.model.output:
            self.deliver(self.model.output.popleft())

    def difference_is_kept(self) -> None:
        """Check the difference that events keep up to date against a full comparison."""
        peer_sync = self.peer_sync
        if not peer_sync.established:
            return
        wire, difference = peer_sync.current.wire, peer_sync.current.difference
        shown = {prefix: as_shown(held) if held.next_hop is None else held for prefix, held in wire.items()}
        delta = diff(shown, self.expected)
        busy = {*peer_sync.in_flight, *peer_sync.current.awaiting_resend, *peer_sync.current.refused}
        assert difference.unsent == set(delta.announce)
        assert set(difference.to_announce) == set(delta.announce) - busy
        assert set(difference.to_withdraw) == delta.withdraw - busy

    def closed_session_gets_no_steps(self) -> None:
        """Check that the driver has no steps for a peer that is down."""
        assert self.peer_sync.established or not list(self.sync.steps())

    def rest(self) -> None:
        """Run until nothing changes: the router has the desired table, and End-of-RIB followed it."""
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
            if self.sync.settled and self.model.quiet:
                break
            self.time_out()
        assert self.model.router == self.expected
        assert self.sync.settled
        assert self.sync.status(True, NOW).sessions["tor"].sent == len(self.expected)
        assert all(end == self.expected for end in self.model.ends[seen:])
        assert self.model.opened == self.model.ended, "each session ends its initial update"


@settings(max_examples=WALKS, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(EVENTS), min_size=30, max_size=120))
def test_every_walk_ends_with_desired_table(events: list[tuple[Prefix, Attributes | None] | str]) -> None:
    walk = Walk()
    for event in events:
        if isinstance(event, str):
            walk.move(event)
        else:
            walk.want(*event)
        walk.difference_is_kept()
        walk.closed_session_gets_no_steps()
    walk.rest()
