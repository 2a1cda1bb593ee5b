"""Whatever is wanted, lost, cut and restarted on the way: in the end the router has the desired table."""

import os
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_network

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exalb_bgp.convergence import Adjacency
from exalb_bgp.engine import Engine
from exalb_bgp.events import Closed
from exalb_bgp.paths import resolve
from exalb_bgp.rib import Attributes, Prefix, diff
from exalb_bgp.session import Family, Session
from exalb_bgp.speaker import Speaker
from exalb_bgp.steps import EndOfRib, Replay
from tests.laws.bgp.exabgp_model import Answer, ExaBGPModel, Output

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SESSION = Session(
    "tor", IPv4Address("203.0.113.1"), 64512, 64513, IPv4Address("10.77.0.11"), families=frozenset({Family.IPV4})
)
PREFIXES = [ip_network(f"198.51.100.{number}/32") for number in range(4)]
ATTRIBUTES = [Attributes(med=med) for med in (None, 1, 2)]
WALKS = int(os.environ.get("EXALB_WALKS", "400"))


class Convergence(RuleBasedStateMachine):
    """A driver, ExaBGP and a router, taking turns in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.model = ExaBGPModel(SESSION)
        self.desired: dict[Prefix, Attributes] = {}
        self.apply()

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
        return {prefix: resolve(attributes, SESSION.router_id, SESSION) for prefix, attributes in self.desired.items()}

    def deliver(self, output: Output) -> None:
        """Let the driver hear one thing."""
        if isinstance(output, Answer):
            self.engine.answered(output.step, output.done)
        else:
            self.engine.fold(output, NOW)

    def turn(self) -> None:
        """Let the driver do what is due."""
        for step in self.engine.steps():
            assert not isinstance(step, Replay), "nothing is ever lost here, so nothing has to be asked for twice"
            if isinstance(step, EndOfRib) and not any(isinstance(output, Closed) for output in self.model.output):
                assert self.model.router == self.expected
            self.model.take(step)

    @rule(prefix=st.sampled_from(PREFIXES), attributes=st.sampled_from([None, *ATTRIBUTES]))
    def want(self, prefix: Prefix, attributes: Attributes | None) -> None:
        """Want a prefix otherwise, or no more."""
        self.desired.pop(prefix, None)
        if attributes is not None:
            self.desired[prefix] = attributes
        self.apply()

    @rule()
    def drive(self) -> None:
        """Let the driver have its turn."""
        self.turn()

    @rule(times=st.integers(1, 6))
    def hear(self, times: int) -> None:
        """Let the driver hear some of what was said."""
        for _ in range(min(times, len(self.model.output))):
            self.deliver(self.model.output.popleft())

    @rule(times=st.integers(1, 6))
    def work(self, times: int) -> None:
        """Let ExaBGP take in some commands."""
        for _ in range(times):
            self.model.work()

    @rule(times=st.integers(1, 6))
    def send(self, times: int) -> None:
        """Let ExaBGP write some UPDATEs."""
        for _ in range(times):
            self.model.send()

    @rule()
    def come_up(self) -> None:
        """Let the session come up."""
        self.model.open()

    @rule()
    def go_down(self) -> None:
        """Let the session go down."""
        self.model.close()

    @rule()
    def refresh(self) -> None:
        """Let the router ask for everything once more."""
        self.model.refresh()

    @rule()
    def kill_exabgp(self) -> None:
        """Kill ExaBGP, which the driver sees by its connection."""
        self.model.die()
        self.restart_driver()

    @precondition(lambda self: not self.model.commands)
    @rule()
    def kill_driver(self) -> None:
        """Kill the driver and start another one, which reads back what is."""
        self.engine = Engine()
        self.restart_driver()

    def restart_driver(self) -> None:
        """Connect anew: read back what is, and take it up."""
        snapshot, held = self.model.forget_driver()
        while self.model.sending and self.model.up:
            self.model.send()
        self.apply()
        self.engine.adopt([snapshot], {SESSION.peer_address: held}, NOW)
        self.hear(len(self.model.output))

    @precondition(lambda self: self.model.quiet and self.model.up)
    @rule()
    def fall_silent(self) -> None:
        """Let the time pass after which the driver gives up waiting."""
        for peer in self.engine.waiting:
            self.engine.abandon(peer)

    @invariant()
    def difference_is_kept(self) -> None:
        """Find by a fresh comparison what every event keeps up to date."""
        adjacency = self.adjacency
        if not adjacency.established:
            return
        shown = {
            prefix: resolve(held, SESSION.router_id, SESSION) if held.next_hop is None else held
            for prefix, held in adjacency.wire.items()
        }
        delta = diff(shown, self.expected)
        busy = {*adjacency.flight, *adjacency.repeated}
        assert set(adjacency._unsent) == set(delta.announce)
        assert set(adjacency._ready) == set(delta.announce) - busy - set(adjacency.refused)
        assert set(adjacency._surplus) == delta.withdraw - busy - set(adjacency.refused)

    @invariant()
    def only_what_is_up_is_told(self) -> None:
        """Between two turns, nothing waits for a peer that the driver knows to be down."""
        assert self.adjacency.established or not list(self.engine.steps())

    def teardown(self) -> None:
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
            for peer in self.engine.waiting:
                self.engine.abandon(peer)
        assert self.model.router == self.expected
        assert self.engine.settled
        assert self.engine.status(True).sessions["tor"].sent == len(self.expected)
        assert all(end == self.expected for end in self.model.ends[seen:])


Convergence.TestCase.settings = settings(
    max_examples=WALKS,
    stateful_step_count=60,
    deadline=None,
    derandomize="EXALB_WALKS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
TestConvergence = Convergence.TestCase
