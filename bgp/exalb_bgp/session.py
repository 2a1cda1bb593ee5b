"""One BGP session: its parameters and its status (RFC 4271 §8)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from ipaddress import IPv4Address

from exalb_bgp.rib import Address, Prefix

BGP_PORT = 179
"""The TCP port of BGP (RFC 4271 §8.2.1)."""


class Family(Enum):
    """An address family with SAFI unicast (RFC 4760)."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    # That of Enum is a function of Python, and each decision about a Service needs a dozen; a member is one object.
    __hash__ = object.__hash__

    @property
    def label(self) -> str:
        """The name of the family in Kubernetes and in text for people."""
        return self.value.replace("ip", "IP")

    @classmethod
    def of(cls, value: Address | Prefix) -> "Family":
        """Return the family of an address or a prefix."""
        return cls.IPV4 if value.version == 4 else cls.IPV6


class State(Enum):
    """The states of the finite state machine, by their names in RFC 4271 §8.2.2."""

    IDLE = "Idle"
    CONNECT = "Connect"
    ACTIVE = "Active"
    OPEN_SENT = "OpenSent"
    OPEN_CONFIRM = "OpenConfirm"
    ESTABLISHED = "Established"


@dataclass(frozen=True, slots=True)
class Password:
    """A TCP MD5 key (RFC 2385): 1 to 80 bytes that no log, repr or error shows."""

    value: bytes

    def __repr__(self) -> str:
        """Hide the key."""
        return "Password(***)"


@dataclass(frozen=True, slots=True)
class Session:
    """The parameters of a session with one peer: desired state, nothing observed."""

    peer: str
    """The name by which the rest of ExaLB knows the peer: a DNS label, unique on this speaker."""
    peer_address: Address
    local_asn: int
    peer_asn: int
    router_id: IPv4Address
    local_address: Address | None = None
    """None lets the kernel choose by its route to the peer."""
    peer_port: int = BGP_PORT
    hold_time: int = 90
    """Seconds; 0 (no keepalives) or at least 3 (RFC 4271 §4.2)."""
    password: Password | None = None
    source_interface: str | None = None
    ebgp_multihop: int | None = None
    """TTL of sent packets; None is the default of the engine (64)."""
    ttl_security: bool = False
    """GTSM: accept only packets of TTL 255 (RFC 5082)."""
    graceful_restart: int | None = None
    """Restart time in seconds (RFC 4724); None does not offer the capability."""
    families: frozenset[Family] = frozenset({Family.IPV4, Family.IPV6})
    extended_next_hop: bool = False
    """Offer IPv6 next hops for IPv4 prefixes (RFC 8950)."""
    passive: bool = False
    """Wait for the peer to connect, on `local_address` and `listen_port`."""
    listen_port: int = BGP_PORT

    @property
    def is_ibgp(self) -> bool:
        """Whether both ends are in one AS."""
        return self.local_asn == self.peer_asn


KEPT_ENDS = 4
"""How many ends of sessions with one peer are kept."""


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """Counters of the sessions with one peer, and the newest ends, since this program first wanted one."""

    established: int = 0
    """How often a session came up."""
    closed: int = 0
    """How often a session went down."""
    updates: int = 0
    """UPDATE messages written to the peer."""
    ends: tuple[datetime, ...] = ()
    """When sessions last went down, oldest first: KEPT_ENDS at most, none from before the clock was set back; UTC."""
    why: str = ""
    """Why the last of these went down; empty where nobody knows."""


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """The status of one session."""

    state: State = State.IDLE
    since: datetime | None = None
    """When the session entered `state` for people (Established or not); UTC; None before the first event."""
    families: frozenset[Family] = frozenset()
    """Negotiated in this session; empty while it is not Established."""
    graceful_restart: bool = False
    """Negotiated in this session."""
    extended_next_hop: bool = False
    """Negotiated in this session (RFC 8950)."""
    wanted: int = 0
    """Prefixes in the desired table of this peer."""
    sent: int = 0
    """Of those, how many the engine confirmed as written to the peer."""
    unsent: frozenset[Prefix] | None = field(default=frozenset(), compare=False)
    """The others of the desired table; None if they are too many to list."""
    last_error: str | None = None
    """Why the session is, or was last, not Established, or why nothing is written to it: a message for people."""
    ended: str | None = None
    """Why the last working session ended; `last_error` is this, or begins with it."""
    settled: bool = True
    """Whether nothing of the desired table is on its way to the peer; True while there is no session."""
    counts: SessionCounts = field(default=SessionCounts(), compare=False)
    """Counters alone do not make a status differ."""


FAMILIES = {family.label: family for family in Family}
"""The families by their names in Kubernetes."""
