"""The interface of every router of a lab: it sets the neighbours and reads the routes that they announce."""

import contextlib
import os
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import ClassVar

from exalb_bgp.rib import Address, Community, ExtendedCommunity, LargeCommunity, Prefix
from exalb_bgp.session import Family
from tests.lab.network import Namespace


class RouterError(RuntimeError):
    """A router refused a command; the text has its output."""


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One neighbour as the router is configured for it, or all neighbours of a range with equal settings."""

    address: Address | Prefix
    """A prefix is a listen range: every speaker that connects from there is a neighbour (FRR only).

    FRR 8.4 crashes when such a neighbour that offered graceful restart stays away for longer than its restart time.
    """
    asn: int
    families: frozenset[Family] = frozenset(Family)
    passive: bool = True
    """Wait to be called; False makes the router call too."""
    password: str | None = None
    """TCP MD5 (RFC 2385)."""
    ttl_security: bool = False
    """GTSM for a direct neighbour: accept only packets of TTL 255 (RFC 5082)."""
    multihop: int | None = None
    """How far away an eBGP neighbour may be, in hops; None is directly connected."""
    local_address: Address | None = None
    """The router's own end, where it has several addresses."""
    port: int = 179
    """The TCP port on which the neighbour listens, where it is called."""
    hold_time: int = 90
    """Seconds offered in OPEN; both sides use the lower one."""
    interface: str | None = None
    """Of a link-local neighbour: the router's interface behind which it is (FRR and BIRD)."""
    extended_next_hop: bool = False
    """Offer IPv6 next hops for IPv4 prefixes (RFC 8950)."""
    bfd: int | None = None
    """Run BFD, with this interval in milliseconds and a multiplier of 3 (FRR and BIRD)."""


@dataclass(frozen=True, slots=True)
class Peering:
    """The state of one neighbour on the router."""

    established: bool
    connections: int
    """How often the session became Established since the router knows the neighbour."""
    hold_time: int | None = None
    """Negotiated, in seconds; None while not established."""
    graceful_restart: bool = False
    """Whether the neighbour offered it in the session of now."""


@dataclass(frozen=True, slots=True)
class BfdPeering:
    """The state of one BFD session on the router."""

    up: bool
    changes: int
    """How often the router saw it come up or go down."""


@dataclass(frozen=True, slots=True)
class Route:
    """One path as the router holds it after its import rules, which let everything in."""

    prefix: Prefix
    peer: Address
    """The neighbour that sent it."""
    next_hop: Address
    as_path: tuple[int, ...] = ()
    med: int | None = None
    local_pref: int | None = None
    """As the router shows it: BIRD fills in its default, FRR honours GRACEFUL_SHUTDOWN."""
    communities: frozenset[Community] = frozenset()
    large_communities: frozenset[LargeCommunity] = frozenset()
    extended_communities: frozenset[ExtendedCommunity] = frozenset()
    stale: bool = False
    """Kept for a neighbour that is restarting gracefully (RFC 4724)."""


@dataclass(slots=True)
class Router(ABC):
    """A running router. The value holds only names: `start` makes the router, any process can look at it later."""

    namespace: Namespace
    asn: int
    router_id: IPv4Address

    kind: ClassVar[str]
    """Its name."""
    pid_files: ClassVar[tuple[str, ...]]
    """Of its daemons, in the order in which they are ended."""
    directory: Path = field(init=False)
    """All files of this router: configuration, sockets, logs, pids."""

    def __post_init__(self) -> None:
        """Name the directory."""
        self.directory = self.namespace.state / self.kind

    def start(self, *neighbors: Neighbor) -> None:
        """Start the daemons with empty files; return when they answer."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self._start(neighbors)

    def stop(self) -> None:
        """End the daemons. Nothing happens when they do not run."""
        for name in self.pid_files:
            _end(self.namespace, self.directory / name)

    @abstractmethod
    def _start(self, neighbors: tuple[Neighbor, ...]) -> None:
        """Write the configuration and start the daemons."""

    @abstractmethod
    def configure(self, *neighbors: Neighbor) -> None:
        """Make these the neighbours, in place of those before; sessions of unchanged ones stay up."""

    @abstractmethod
    def peerings(self) -> Mapping[Address, Peering]:
        """Return each neighbour by its address; a neighbour of a listen range is there while it is connected."""

    def bfd_sessions(self) -> Mapping[Address, BfdPeering]:
        """Return the BFD session with each neighbour that has one."""
        return {}

    @abstractmethod
    def prefixes(self) -> Mapping[Prefix, frozenset[Address]]:
        """Return the neighbours that sent each prefix: cheap, also for large tables."""

    @abstractmethod
    def routes(self) -> list[Route]:
        """Return every path with all its attributes."""

    @abstractmethod
    def reset(self, neighbor: Address | None = None) -> None:
        """End the session, which then comes up again; all sessions without `neighbor`."""

    @property
    @abstractmethod
    def look(self) -> str:
        """A command line for people who want to look around."""


def _end(namespace: Namespace, pid_file: Path, seconds: float = 5) -> None:
    if not pid_file.exists() or not namespace.exists:
        return
    pid, deadline = int(pid_file.read_text()), time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError):
        while namespace.holds(pid):
            os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.02)
    pid_file.unlink(missing_ok=True)
