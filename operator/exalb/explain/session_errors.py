"""The next step for a session that is down, lacks routes or flaps, by the error that its speaker reports. Pure."""

from collections.abc import Iterator

_UNREACHED = "see that the router runs BGP at that address and port, and that no firewall or access list drops it"

_OTHER_SPEAKER = (
    "if another BGP speaker of this node (Calico, Cilium, kube-router) has a session with this router, "
    "set sourceAddress to another address of the node"
)

_BY_ERROR = (
    (
        "bad peer AS",
        "compare myASN and peerASN of the BGPPeer with the AS numbers that the router has for this neighbor",
    ),
    (
        "maximum number of prefixes",
        "raise the router's prefix limit for this neighbor, and clear the session there; see `kubectl exalb routes`",
    ),
    ("administrative shutdown", "enable the neighbor on the router; its administrator shut it down"),
    ("peer de-configured", "configure this node as a neighbor on the router: somebody removed it"),
    ("collision resolution", f"the router has a session with this address of the node already: {_OTHER_SPEAKER}"),
    ("hold timer expired", "look for lost packets between node and router, and for an overloaded or stopped router"),
    ("unacceptable hold time", "set holdTime of the BGPPeer to a value that the router accepts"),
    ("passwords differ", f"compare the Secret's password with the router's; if they are equal, {_UNREACHED}"),
    ("no TCP connection", f"{_UNREACHED}; if the router has a password for this neighbor, set passwordSecretRef"),
    ("refused the connection", "configure this node as a neighbor on the router, and see that BGP runs on that port"),
    ("to connect to port", "make the router connect to this node, and see that no firewall drops that port"),
    ("did not negotiate", "activate the address family for this neighbor on the router, or remove it from families"),
    ("nothing can be written", "look at the router: it does not read, or packets to it are lost"),
    ("do not fit a BGP message", "remove communities from the advertisements or annotations of these prefixes"),
    ("did not send the UPDATE", "see the log of the container bgp in the speaker's pod on that node"),
    (
        "TCP connection was closed",
        f"read the router's log: it closed the connection without a NOTIFICATION; {_OTHER_SPEAKER}",
    ),
)
"""A part of an error, and what to do; the first that is found counts."""

_REPEATED = "find out on the router, by its log or from its administrator, why a person or a program there"
_BFD = "look for lost packets between node and router, or raise detectMultiplier in bfd of the BGPPeer"
_BY_CAUSE = (
    ("peer sent: cease (administrative shutdown)", f"{_REPEATED} shuts this neighbor down and enables it again"),
    ("peer sent: cease (peer de-configured)", f"{_REPEATED} removes this node as a neighbor and configures it again"),
    ("peer sent: cease (administrative reset)", f"{_REPEATED} resets the session"),
    ("BFD is Down", _BFD),
    ("cease (BFD down)", _BFD),
    *(row for row in _BY_ERROR if row[0] not in ("administrative shutdown", "peer de-configured")),
)
"""The same for the cause of an end after which the session came back: what it says is over, and comes again."""


def session_step(error: str) -> str:
    """Return what to do, or nothing if the error does not say.

    The error that ended the last working session says more than the attempts since then.
    """
    return next(_steps(error, _BY_ERROR), "")


def flap_step(cause: str) -> str:
    """Return what to do about a session that goes down again and again, or nothing if its last cause does not say."""
    return next(_steps(cause, _BY_CAUSE), "")


def _steps(error: str, known: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for part in error.split("; since then: "):
        yield from (step for words, step in known if words in part)
