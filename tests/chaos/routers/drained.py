"""The node of a walk: its drain, its BFD, and the tables that routers must hold because of them."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import assert_never

from exalb.announcement.adj_rib_out import SessionPlan
from exalb.announcement.attributes import Route
from exalb.announcement.planner import NodePlan
from exalb.api.bfd import Bfd
from exalb.api.speaker import DrainState
from exalb_bgp.rib import GRACEFUL_SHUTDOWN, Attributes, Prefix, Rib
from exalb_bgp.speaker import Speaker
from tests.chaos.routers.moves import BfdMove, DrainMove
from tests.lab.wait import TooLateError, until
from tests.support.engine.bfd import BfdProcess
from tests.support.engine.speaking import ALONE, NODE, SpeakingEngine
from tests.support.routers.world import World

MOMENT = 1.0
"""Seconds that a drain may take to a state; where the driver is halted it never gets there."""
SETTLING = 30.0
"""Seconds that a drain and a BFD session may take to their ends."""
INTERVAL = 300
"""Milliseconds between two packets of BFD."""


class WalkWorld(World):
    """The world of the router stories with a speaker that drains, and a BFD process."""

    engine: SpeakingEngine
    bfd: BfdProcess

    def __post_init__(self) -> None:
        """Name the parts."""
        super().__post_init__()
        self.engine, self.bfd = SpeakingEngine(self.node), BfdProcess(self.node)

    def _build(self) -> None:
        super()._build()
        self.bfd.start()

    def __exit__(self, *error: object) -> None:
        """End BFD and the engine."""
        self.engine.stop()
        self.bfd.stop()


class DrainedNode:
    """The conditions of the node that no session and no table shows."""

    def __init__(self, world: WalkWorld) -> None:
        self._world = world
        self._annotation = ""
        self.with_bfd: set[str] = set()
        """The peers that have BFD at both ends."""

    def apply(self, goal: Speaker) -> None:
        """Give the speaker the node's plan for these sessions and tables."""
        plans = {name: self._plan(goal, name) for name in goal.sessions}
        ribs = {name: plan.rib for name, plan in plans.items()}
        self._world.engine.want(NodePlan(NODE, plans, Speaker(goal.sessions, ribs)), self._annotation)

    def _plan(self, goal: Speaker, name: str) -> SessionPlan:
        session, rib = goal.sessions[name], goal.ribs[name]
        routes = {prefix: Route(each, (ALONE,) if _is_alone(prefix) else ()) for prefix, each in rib.items()}
        bfd = Bfd(transmit_interval=INTERVAL, receive_interval=INTERVAL) if name in self.with_bfd else None
        return SessionPlan(name, session.families, session, None, routes, rib, {}, bfd)

    def table(self, rib: Rib) -> Rib:
        """Return the part of a table that routers hold once the drain has ended, with its attributes."""
        if not self._annotation:
            return rib
        return {} if self._annotation == "force" else {p: _depreferred(a) for p, a in rib.items() if _is_alone(p)}

    def drain(self, act: DrainMove) -> None:
        """Change the annotation of the Node."""
        match act:
            case DrainMove.DRAIN | DrainMove.ACROSS_RESTART:
                self._annotation = "true"
            case DrainMove.FORCE:
                self._annotation = "force"
            case DrainMove.UNDO | DrainMove.UNDO_HALF_WAY:
                self._annotation = ""
            case _:
                assert_never(act)

    def await_step(self, where: str) -> None:
        """Wait until the drain is in a state, or for a moment."""
        state = DrainState(where)
        with contextlib.suppress(TooLateError):
            until(f"the drain is {state}", lambda: self._world.engine.drain is state, seconds=MOMENT, every=0.01)

    def switch(self, act: BfdMove, where: str) -> None:
        """Change BFD of a peer, or kill its process."""
        match act:
            case BfdMove.SWITCH_ON:
                self.with_bfd.add(where)
            case BfdMove.SWITCH_OFF:
                self.with_bfd.discard(where)
            case BfdMove.KILL:
                self._world.bfd.kill_worker()
            case BfdMove.RESTART:
                self._world.bfd.stop()
                self._world.bfd.start()
            case _:
                assert_never(act)

    def check(self, sessions: Mapping[str, object]) -> None:
        """Wait until the drain and each BFD session have reached their ends; TooLateError if they do not."""
        wanted = DrainState.WITHDRAWN if self._annotation else None
        until(f"the drain is {wanted}", partial(self._has_drained, wanted), seconds=SETTLING)
        for name in sorted(self.with_bfd & sessions.keys()):
            until(f"BFD of {name} is Up", partial(self._is_up, name), seconds=SETTLING)

    def _has_drained(self, wanted: DrainState | None) -> bool:
        assert self._world.engine.drain is wanted, self._world.engine.report
        return True

    def _is_up(self, name: str) -> bool:
        peer = self._world.peers[name]
        seen = peer.router.bfd_sessions()
        assert seen[self._world.node_address(peer)].up, seen
        return True


def _is_alone(prefix: Prefix) -> bool:
    """Whether only this node announces the prefix."""
    return int(prefix.network_address) // 2 % 3 == 0


def _depreferred(attributes: Attributes) -> Attributes:
    return replace(attributes, communities=tuple({*attributes.communities, GRACEFUL_SHUTDOWN}))
