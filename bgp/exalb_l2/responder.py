"""Answers for the addresses of one node on all its LANs: carries out what the election decides."""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import structlog

from exalb_l2 import frames, hello, links, sysctls
from exalb_l2.election import HELLO_SECONDS, Action, Do, Election
from exalb_l2.frames import Address
from exalb_l2.goal import Goal, Held, Interface, L2Status, Problem
from exalb_l2.lan import Handlers, Lan
from exalb_process.netlink import drain

_LOG = structlog.get_logger(__name__)
_RETRY_SECONDS = 1.0
"""Time between two attempts to open the sockets of an interface."""
_WHOLE_EACH = 4
"""A packet may be lost, so that all is said again with each fourth hello."""
_LEAVE_SECONDS = 0.05
"""A node that leaves forwards for so long what still comes to it."""


class Responder:
    """Runs the election on real interfaces; `changed` is called after each change of the status."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._goal = Goal()
        self._election = Election()
        self._lans: dict[str, Lan] = {}
        self._held: dict[Address, Held] = {}
        self._problems: Mapping[Address, Problem] = {}
        self._owners: Mapping[Address, str] = {}
        self._answered = 0
        self._instance, self._sequence = random.getrandbits(32), 0
        self._tables: dict[str, hello.Table] = {}
        self._hellos = 0
        self._hello_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._netlink: socket.socket | None = None

    def start(self) -> None:
        """Follow the interfaces from now on; raises OSError."""
        self._netlink = links.listen()
        self._loop.add_reader(self._netlink, self._links_changed)
        self._read_links()

    def apply(self, goal: Goal) -> None:
        """Make `goal` the addresses, in place of those before."""
        self._goal = goal
        self._configure()

    def status(self) -> L2Status:
        """Return what is announced, and where it can be."""
        interfaces = tuple(lan.interface for _, lan in sorted(self._lans.items()))
        settings = {name: sysctls.read(name) for name in self._lans}
        local = {address: self._owners[address] for address in self._goal.addresses if address in self._owners}
        answered = self._answered + sum(lan.answered for lan in self._lans.values())
        return L2Status(True, interfaces, dict(self._held), self._problems, answered, settings, local)

    async def leave(self) -> None:
        """Let all addresses go; the next candidates take them at once."""
        self._election.leave()
        self._step()
        self._say_hello()
        await asyncio.sleep(_LEAVE_SECONDS)
        if self._timer:
            self._timer.cancel()
        for lan in self._lans.values():
            lan.close()
        if self._netlink:
            self._loop.remove_reader(self._netlink)
            self._netlink.close()

    def _links_changed(self) -> None:
        if self._netlink:
            drain(self._netlink)
        self._read_links()

    def _read_links(self) -> None:
        """Open the sockets of new interfaces, and close those of interfaces that are gone or differ now."""
        found, failed = links.interfaces(), False
        self._owners = links.owners()
        for name, lan in list(self._lans.items()):
            if found.get(name) != (lan.index, lan.interface):
                self._answered += lan.answered
                self._lans.pop(name).close()
        for name, (index, interface) in found.items():
            if name not in self._lans:
                try:
                    self._lans[name] = Lan(index, interface, Handlers(self._take_frames, self._take_packet))
                except OSError as error:
                    failed = True
                    _LOG.warning("l2_not_opened", interface=name, error=str(error), again_in_s=_RETRY_SECONDS)
        if failed:
            self._loop.call_later(_RETRY_SECONDS, self._read_links)
        self._configure()

    def _configure(self) -> None:
        interfaces = {name: lan.interface for name, lan in self._lans.items()}
        self._election.configure(self._goal, interfaces, self._loop.time())
        for address, held in self._held.items():
            self._held[address] = replace(held, interfaces=self._names(address) or held.interfaces)
        prepared = list(self._election.prepared())
        for name, lan in self._lans.items():
            lan.admit(self._of(self._goal.addresses, name), self._of(prepared, name))
        self._prepare()
        self._hello_at = 0.0
        self._step()
        self._changed()

    def _of(self, addresses: Iterable[Address], name: str) -> list[Address]:
        """Return those of `addresses` that are announced on an interface."""
        return [address for address in addresses if any(lan.interface.name == name for lan in self._places(address))]

    def _places(self, address: Address) -> list[Lan]:
        wanted = self._goal.addresses.get(address)
        interfaces = (lan.interface for lan in self._lans.values())
        return [self._lans[place.name] for place in wanted.places(address, interfaces)] if wanted else []

    def _names(self, address: Address) -> tuple[str, ...]:
        return tuple(lan.interface.name for lan in self._places(address))

    def _take_frames(self, name: str, waiting: Iterable[bytes]) -> None:
        has_news = False
        for said in (said for frame in waiting for said in frames.read(frame)):
            if isinstance(said, frames.Claimed):
                has_news |= self._election.claimed(said.address, said.mac, self._loop.time())
            elif name in (self._held[said.target].interfaces if said.target in self._held else ()):
                self._answered += 1
                lan = self._lans[name]
                lan.send((frames.answer(said, lan.interface.mac),), frames.ether_type(said.target))
        if has_news:
            self._step()

    def _take_packet(self, name: str, source: Address, data: bytes) -> None:
        try:
            part = hello.read(data)
        except ValueError:
            return
        known = self._election.nodes.get(part.node, ())
        if part.node == self._goal.node or not any(source == own.ip for at in known for own in at.addresses):
            return
        peer = self._election.peers.get(name, part.node)
        is_new = peer is None or not peer.is_known
        if self._election.take(name, part, self._loop.time()):
            if is_new:
                self._hello_at, self._hellos = 0.0, 0
            self._step()

    def _step(self) -> None:
        """Do what is due, and wait for what is due next."""
        now = self._loop.time()
        actions = self._election.decide(now)
        for action in actions:
            self._carry_out(action)
        if any(action.do in (Do.TAKE, Do.RELEASE) for action in actions):
            self._prepare()
            self._say_hello()
        problems = self._election.problems()
        if problems != self._problems or any(action.do in (Do.TAKE, Do.RELEASE) for action in actions):
            self._problems = problems
            self._changed()
        if now >= self._hello_at:
            self._say_hello()
        if self._timer:
            self._timer.cancel()
        due = min(self._election.due(now), self._hello_at)
        self._timer = self._loop.call_at(due, self._step) if due < float("inf") else None

    def _prepare(self) -> None:
        """Let each LAN answer at once for what is announced there."""
        for name, lan in self._lans.items():
            lan.answer_for(address for address, held in self._held.items() if name in held.interfaces)

    def _carry_out(self, action: Action) -> None:
        address = action.address
        if action.do is Do.RELEASE:
            self._held.pop(address, None)
            _LOG.info("l2_address_released", address=str(address), why=action.why)
            return
        places = self._places(address)
        if action.do is Do.PROBE:
            places[0].send((frames.probe(address, places[0].interface.mac),), frames.ether_type(address))
            return
        if action.do is Do.TAKE:
            self._held[address] = Held(self._names(address), time.time())
            names = list(self._held[address].interfaces)
            _LOG.info("l2_address_taken", address=str(address), interfaces=names, why=action.why)
        for lan in places:
            lan.send(frames.announcements(address, lan.interface.mac), frames.ether_type(address))

    def _say_hello(self) -> None:
        """Say to the other candidates what this node announces: all of it when it changed, and once a second."""
        now = self._loop.time()
        targets = self._election.peers.targets(now)
        self._hello_at = now + HELLO_SECONDS if targets or self._goal.addresses else float("inf")
        is_whole = self._take_tables() or self._hellos % _WHOLE_EACH == 0
        self._hellos += 1
        for (name, node), is_reply in targets.items():
            if name in self._lans and name in self._tables:
                packets = hello.packets(
                    self._goal.node, self._instance, self._sequence, self._tables[name], is_reply=is_reply
                )
                chosen = list(packets) if is_whole else [next(packets)]
                for other in self._reachable(self._lans[name].interface, node):
                    self._lans[name].say(other, chosen)

    def _take_tables(self) -> bool:
        """Look at what this node announces; return whether it changed."""
        tables = {name: self._election.table(name) for name in self._lans}
        if tables == self._tables:
            return False
        self._tables, self._sequence = tables, self._sequence + 1
        return True

    def _reachable(self, own: Interface, node: str) -> list[Interface]:
        """Return the interface of another node that is on the same LAN."""
        its = self._election.nodes.get(node, ())
        return [other for other in its if any(own.reaches(address.ip) for address in other.addresses)][:1]
