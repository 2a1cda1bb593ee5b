"""Plays each move at once, and repairs everything before a rest."""

import contextlib
import os
import re
import signal
import socket
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import assert_never

from exalb_bgp.speaker import Speaker
from tests.chaos.routers import scene
from tests.chaos.routers.drained import INTERVAL, DrainedNode, WalkWorld
from tests.chaos.routers.moves import (
    SHORT_HOLD,
    BfdMove,
    DrainMove,
    EngineMove,
    Move,
    Repair,
    RouterMove,
    SessionChange,
    TableChange,
)
from tests.chaos.routers.watcher import Watcher
from tests.lab.routers.bird import Bird
from tests.lab.routers.frr import Frr
from tests.lab.routers.router import Neighbor, Router
from tests.lab.wait import TooLateError, until
from tests.support.engine.volume import Volume
from tests.support.routers.world import OTHER, Peer

COMMANDS = {"relay": "relay.py", "exabgp": "exabgp.server"}
DEADLINE = 30.0
"""Seconds that the supervisor may take to start an ExaBGP that was killed often."""
FLUSH = 10.0
"""Seconds after which a router that closed a session hangs; it mostly takes milliseconds."""
HANGS = re.compile(r"BGP state: +Down\n.*^    State: +START\n.*Routes: +0 imported", re.DOTALL | re.MULTILINE)
"""The status of a protocol in BIRD that never ends its flush."""
MOMENT = 1.0
"""Seconds that a move lets pass at most, for things to take their course."""
EXPIRY = 3.0 * SHORT_HOLD
"""Seconds that a router may take to lose a session of the shortest hold time."""


class Player:
    """Holds the world in which a walk takes place."""

    def __init__(self, world: WalkWorld) -> None:
        self.world, self.node = world, DrainedNode(world)
        self._engine = world.engine
        self._halted: dict[str, int] = {}
        self._killed: set[int] = set()
        self._unplugged: set[str] = set()
        self._driving, self._full = True, False
        self._goal = Speaker()
        self._configured: dict[str, tuple[int, list[Neighbor]]] = {}
        self.watcher = Watcher(world, self._disturbed)

    def begin(self, goal: Speaker) -> None:
        """Let the routers take a session from either address of the node, and open those of the goal."""
        self._want((goal,))

    def _disturbed(self) -> bool:
        """Whether something was stopped that does not go on by itself."""
        return bool(self._halted or self._unplugged or self._full or not self._driving)

    def play(self, move: Move) -> None:
        """Make one move."""
        self._want(move.goals)
        match move.act:
            case TableChange() | SessionChange() | Repair.ADD_SESSION:
                pass  # all of it is in the goals
            case RouterMove():
                self._disturb_router(move.act, move.where)
            case EngineMove():
                self._disturb_engine(move.act, move.where)
            case DrainMove():
                self._drain(move.act, move.where)
            case BfdMove():
                self.node.switch(move.act, move.where)
                self._want((self._goal,))
            case Repair():
                self._repair(move.act, move.where)
            case _:
                assert_never(move.act)

    def _disturb_router(self, act: RouterMove, where: str) -> None:
        match act:
            case RouterMove.LOOK:
                self._look(where)
            case RouterMove.CLEAR:
                self._clear(where)
            case RouterMove.CLEAR_ALL:
                self._router(where).reset()
            case RouterMove.REFRESH:
                self._refresh(where)
            case RouterMove.PULL_CABLE:
                self._pull(where)
            case RouterMove.RESTART:
                self._restart(where)
            case _:
                assert_never(act)

    def _disturb_engine(self, act: EngineMove, where: str) -> None:
        match act:
            case EngineMove.LINGER:
                self._linger()
            case EngineMove.KILL:
                self._kill(where)
            case EngineMove.KILL_SUPERVISOR:
                self._engine.restart_supervisor()
            case EngineMove.HALT:
                self._halt(where)
            case EngineMove.CUT:
                self._cut()
            case EngineMove.REMOVE_SOCKET:
                self._socket.unlink(missing_ok=True)
            case EngineMove.FILL_VOLUME:
                self._fill()
            case EngineMove.MISS_HOLD_TIME:
                self._miss(where)
            case _:
                assert_never(act)

    def _drain(self, act: DrainMove, where: str) -> None:
        """Drain the node, or undo it; where it is interrupted, that happens at the state `where`."""
        if act is DrainMove.UNDO_HALF_WAY:
            self._drain(DrainMove.DRAIN, "")
            self.node.await_step(where)
        self.node.drain(act)
        self._want((self._goal,))
        if act is DrainMove.ACROSS_RESTART:
            self.node.await_step(where)
            self._kill("driver")
            self._start_driver()

    def _repair(self, act: Repair, where: str) -> None:
        match act:
            case Repair.START_DRIVER:
                self._start_driver()
            case Repair.RESUME:
                self._resume(where)
            case Repair.PLUG_CABLE:
                self._plug(where)
            case Repair.FREE_VOLUME:
                self._free()
            case Repair.ADD_SESSION:
                pass
            case _:
                assert_never(act)

    def repair(self) -> int:
        """Let everything run again that was stopped; return how many routers hung for a fault of their own."""
        self._free()
        for name in tuple(self._halted):
            self._resume(name)
        for router in tuple(self._unplugged):
            self._plug(router)
        self._start_driver()
        self._want((self._goal,))
        for process in COMMANDS:  # or a rest could be over before anybody noticed
            until(f"{process} runs again", partial(self._runs_again, process), seconds=DEADLINE)
        return sum(self._unhang(router) for router in self.world.routers if isinstance(router, Bird))

    def _unhang(self, bird: Bird) -> bool:
        """Start BIRD again if it hangs.

        When a session with graceful restart came back and ends again within seconds, its protocol in BIRD 2.0.12 may
        never leave `flush`: the session is Down, its routes are gone, one channel is left in `START`, connections
        are refused, and `restart`, `disable` and `configure` wait too. All else of it goes on. Nothing else counts.
        """
        try:
            until("BIRD flushed its tables", lambda: not bird.flushing(), seconds=FLUSH)
        except TooLateError as error:
            if not all(HANGS.search(status) for status in bird.flushing().values()):
                raise
            print(f"BIRD hangs: {error}", *scene.of_router(bird), sep="\n", flush=True)
            self._restart(bird.kind)
            return True
        return False

    def _neighbors(self, router: Router) -> list[Neighbor]:
        """List the neighbours of a router: each session may come from either address of the node."""
        before = self._configured.get(router.kind, (0, []))[1]
        found = {neighbor.address: neighbor for neighbor in before}
        for name, peer in self.world.peers.items():
            if peer.router is router and (session := self._goal.sessions.get(name)):
                password = session.password.value.decode() if session.password else None
                agreed = replace(peer.neighbor, asn=session.local_asn, password=password, passive=not session.passive)
                agreed = replace(agreed, bfd=INTERVAL if name in self.node.with_bfd else None)
                for address in (agreed.address, OTHER[peer.family]):
                    found[address] = replace(agreed, address=address)
        return list(found.values())

    def _runs_again(self, process: str) -> bool:
        pid = self._pid(process)
        return pid != 0 and pid not in self._killed

    def _want(self, goals: tuple[Speaker, ...]) -> None:
        for goal in goals:
            drained = Speaker(goal.sessions, {name: self.node.table(rib) for name, rib in goal.ribs.items()})
            for desired in (goal, drained):  # a drain begins with the whole tables
                self.watcher.want(desired)
            self._goal = goal
            self.world.sessions, self.world.ribs = dict(drained.sessions), dict(drained.ribs)
            if self._driving and "driver" not in self._halted:  # a halted one would let us wait for it
                self.node.apply(goal)
        for router in self.world.routers if goals else ():
            self._agree(router)

    def _agree(self, router: Router) -> None:
        """Configure a router with the values that both ends must agree on, if they changed."""
        known, neighbors = self._configured.get(router.kind, (router.asn, [])), self._neighbors(router)
        asns = {session.peer_asn for name, session in self._goal.sessions.items() if self._peer(name).router is router}
        (asn,) = asns or {known[0]}
        if (asn, neighbors) == known:
            return
        self._configured[router.kind] = asn, neighbors
        with self.watcher.asleep[router.kind]:
            if router.asn != asn:
                router.asn = asn
                router.start(*neighbors)
            else:
                router.configure(*neighbors)

    def _router(self, kind: str) -> Router:
        return next(router for router in self.world.routers if router.kind == kind)

    def _look(self, kind: str) -> None:
        """Read a table; that it takes a moment is what it is for."""
        self._router(kind).prefixes()

    def _linger(self) -> None:
        before = self._engine.status
        with contextlib.suppress(TooLateError):
            until("the engine has news", lambda: self._engine.status != before, seconds=MOMENT)

    def _clear(self, name: str) -> None:
        peer = self.world.peers[name]
        peer.router.reset(self.world.node_address(peer))

    def _refresh(self, name: str) -> None:
        """Ask again; GoBGP never does."""
        peer = self.world.peers[name]
        if isinstance(peer.router, Frr | Bird) and self.world.established(peer):
            peer.router.refresh(self.world.node_address(peer))

    def _pull(self, router: str) -> None:
        """Take the router off the switch; its link stays up, or FRR would forget the link's own IPv6 address."""
        self._unplugged.add(router)
        self.world.fabric.ip(f"link set {router} nomaster")

    def _plug(self, router: str) -> None:
        self._unplugged.discard(router)
        self.world.fabric.ip(f"link set {router} master br0")

    def _restart(self, kind: str) -> None:
        router = self._router(kind)
        with self.watcher.asleep[kind]:
            router.start(*self._neighbors(router))

    def _miss(self, name: str) -> None:
        """Halt ExaBGP for longer than the hold time of a session, if it is up with the shortest."""
        peer = self._peer(name)
        pid = self._pid("exabgp")
        if self._disturbed() or not pid:
            return
        with contextlib.suppress(TooLateError):
            until("the hold time is active", partial(self._is_short, peer), seconds=EXPIRY)
            _signal(pid, signal.SIGSTOP)
            until("the hold time is over", lambda: not self.world.established(peer), seconds=EXPIRY)
        _signal(pid, signal.SIGCONT)

    def _is_short(self, peer: Peer) -> bool:
        peering = peer.router.peerings()[self.world.node_address(peer)]
        return peering.established and peering.hold_time == SHORT_HOLD

    def _peer(self, name: str) -> Peer:
        return self.world.peers[name]

    def _fill(self) -> None:
        self._full = True
        self._volume.fill()

    def _free(self) -> None:
        self._full = False
        self._volume.free()

    def _kill(self, process: str) -> None:
        self._halted.pop(process, None)
        if process == "driver":
            self._driving = False
            self._engine.kill_driver()
        elif pid := self._pid(process):
            self._killed.add(pid)
            _signal(pid, signal.SIGKILL)

    def _start_driver(self) -> None:
        if not self._driving:
            self._driving = True
            self._engine.start_driver()
            self.node.apply(self._goal)

    def _halt(self, process: str) -> None:
        if process not in self._halted and (pid := self._pid(process)):
            self._halted[process] = pid
            _signal(pid, signal.SIGSTOP)

    def _resume(self, process: str) -> None:
        if pid := self._halted.pop(process, 0):
            _signal(pid, signal.SIGCONT)
            self._want((self._goal,))

    def _pid(self, process: str) -> int:
        """Find a process of the engine; there may be none for a moment."""
        if process == "driver":
            return self._engine.driver_pid
        return next(iter(self._engine.find(COMMANDS[process])), 0)

    @property
    def _volume(self) -> Volume:
        """Where the engine's files are."""
        assert self._engine.volume
        return self._engine.volume

    @property
    def _socket(self) -> Path:
        return self._volume.directory / "api.sock"

    def _cut(self) -> None:
        """Cut the driver's connection by one of our own, for which it leaves the old one, and hang up."""
        with socket.socket(socket.AF_UNIX) as other, contextlib.suppress(OSError):
            other.settimeout(MOMENT)
            other.connect(str(self._socket))


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
