"""Whatever is wanted, lost, cut and restarted on the way: in the end the router has the desired table."""

import os
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_network

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

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
FAULTS = ["come up"] * 4 + ["flap"] * 4 + ["close", "refresh", "silence", "kill ExaBGP", "kill driver"]
WALKS = int(os.environ.get("EXALB_WALKS", "400"))


class Convergence(RuleBasedStateMachine):
    """A driver, ExaBGP and a router, taking turns in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine()
        self.model = ExaBGPModel(SESSION)
        self.desired: dict[Prefix, Attributes] = {}
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

    @rule(moves=st.lists(st.sampled_from("ddwwwsshhhf"), min_size=1, max_size=20))
    def flow(self, moves: list[str]) -> None:
        """Let driver, ExaBGP's two halves and the ears of the driver have their turns, with a flap now and then."""
        for move in moves:
            if move == "d":
                self.turn()
            elif move == "w":
                self.model.work()
            elif move == "s":
                self.model.send()
            elif move == "f":
                self.model.close()
                self.model.open()
            elif self.model.output:
                self.deliver(self.model.output.popleft())

    @rule(fault=st.sampled_from(FAULTS))
    def fault(self, fault: str) -> None:
        """Let something go wrong, and let the session come back most of the time."""
        if fault in {"close", "flap"}:
            self.model.close()
        elif fault == "refresh":
            self.model.refresh()
        elif fault == "silence" and self.model.quiet and self.model.up:
            self.abandon()
        elif fault == "kill ExaBGP":
            self.model.die()
            self.reconnect()
        elif fault == "kill driver" and not self.model.commands:
            self.engine = Engine()
            self.reconnect()
        if fault != "close":
            self.model.open()

    def abandon(self) -> None:
        """Let the time pass after which the driver gives up waiting."""
        for peer in self.engine.waiting:
            self.engine.abandon(peer)

    def reconnect(self) -> None:
        """Read back what is, and take it up."""
        snapshot, held = self.model.forget_driver()
        while self.model.sending and self.model.up:
            self.model.send()
        self.apply()
        self.engine.adopt([snapshot], {SESSION.peer_address: held}, NOW)
        while self.model.output:
            self.deliver(self.model.output.popleft())

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
            self.abandon()
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
