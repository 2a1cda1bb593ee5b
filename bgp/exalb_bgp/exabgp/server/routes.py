"""Commands about many routes, and reports of written UPDATEs, without work that is the same for each of the routes.

ExaBGP reads the attributes of a command as often as it comes, and each prefix by its parser for configurations; and it
reads an UPDATE of its own as it reads one of a peer, to report it.
"""

import socket
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from exabgp.bgp.message import Action, Update
from exabgp.bgp.message.direction import Direction
from exabgp.bgp.message.update.attribute import Attribute, Attributes
from exabgp.bgp.message.update.nlri import CIDR, INET
from exabgp.protocol.family import AFI
from exabgp.rib.change import Change

from exalb_bgp.exabgp.interface import NEIGHBOR

_PREFIXES = " nlri "
_ANNOUNCE, _WITHDRAW = " announce attributes", " withdraw attributes"
_KEPT = 256
"""Different attributes that are kept."""
_KINDS = {AFI.ipv4: (socket.AF_INET, 32), AFI.ipv6: (socket.AF_INET6, 128)}
_MULTICAST = range(224, 240)
"""First octets of IPv4 addresses that ExaBGP takes for another family."""


class _Prefix(INET):  # type: ignore[misc]  # ExaBGP has no types
    """A prefix with the family and the next hop of another one."""

    def __init__(self, alike: Any, cidr: CIDR, action: int) -> None:  # noqa: ANN401 - ExaBGP has no types
        self.afi, self.safi, self.path_info, self.nexthop = alike.afi, alike.safi, alike.path_info, alike.nexthop
        self.action, self.cidr = action, cidr


class Route(Change):  # type: ignore[misc]  # ExaBGP has no types
    """A route whose index in a RIB is known."""

    def __init__(self, nlri: _Prefix, attributes: Attributes, index: bytes) -> None:
        self.nlri, self.attributes, self._index = nlri, attributes, index

    def index(self) -> bytes:
        """Return by what a RIB knows the route."""
        return self._index


class Request(NamedTuple):
    """A command about routes of one family that share their attributes."""

    words: str
    """The command without its prefixes."""
    routes: Sequence[Route]


class RouteReader:
    """Reads such commands. Has ExaBGP read different attributes once each, with a prefix that stands for all."""

    def __init__(self, api: Any) -> None:  # noqa: ANN401 - ExaBGP has no types
        self._api = api
        self._alike: dict[tuple[str, bool], Change] = {}

    def read(self, command: str) -> Request | None:
        """Return the routes; None where ExaBGP itself has to read the command, or to say what is wrong with it."""
        words, _, text = command.partition(_PREFIXES)
        announces = _ANNOUNCE in words
        if not text or not command.startswith(NEIGHBOR) or not (announces or words.endswith(_WITHDRAW)):
            return None
        try:
            alike = self._route_alike(words[words.rindex(_ANNOUNCE if announces else _WITHDRAW) + 1 :], text)
            action = Action.ANNOUNCE if announces else Action.WITHDRAW
            return alike and Request(words, list(_routes(alike, text.split(" "), action)))
        except (OSError, ValueError):
            return None

    def _route_alike(self, words: str, text: str) -> Change | None:
        key = words, ":" in text
        if key not in self._alike:
            changes = self._api.api_attributes(f"{words}{_PREFIXES}{text.partition(' ')[0]}", ())
            if len(changes) != 1 or type(changes[0].nlri) is not INET:
                return None
            if len(self._alike) >= _KEPT:
                self._alike.clear()
            self._alike[key] = changes[0]
        return self._alike[key]


def _routes(alike: Change, prefixes: Sequence[str], action: int) -> Iterator[Route]:
    """Yield a route for each prefix. Raises OSError or ValueError where one is not as ExaLB writes it."""
    nlri, attributes = alike.nlri, alike.attributes
    head = alike.index().removesuffix(nlri.cidr.pack_nlri())
    family, width = _KINDS[nlri.afi]
    for text in prefixes:
        address, _, digits = text.partition("/")
        packed, length = socket.inet_pton(family, address), int(digits)
        if length > width or int.from_bytes(packed) & ((1 << width - length) - 1):
            raise ValueError("not a prefix")
        if width == 32 and packed[0] in _MULTICAST:
            raise ValueError("another family")
        cidr = CIDR(packed, length)
        yield Route(_Prefix(nlri, cidr, action), attributes, head + cidr.pack_nlri())


def written(body: bytes, negotiated: Any) -> str | None:  # noqa: ANN401 - ExaBGP has no types
    """Return an UPDATE of IPv4 prefixes in the form of ExaBGP's events; None for others, which carry them elsewhere."""
    withdrawn, packed, announced = Update.split(body)
    if withdrawn:
        return f'"message": {{ "update": {{ "withdraw": {{ "ipv4 unicast": [ {_list(withdrawn)} ] }} }} }}'
    if not announced:
        return None
    attributes = Attributes.unpack(packed, Direction.OUT, negotiated)
    hop = attributes[Attribute.CODE.NEXT_HOP]
    return (
        f'"message": {{ "update": {{ "attribute": {{ {attributes.json()} }}, '
        f'"announce": {{ "ipv4 unicast": {{ "{hop}": [ {_list(announced)} ] }} }} }} }}'
    )


def _list(prefixes: bytes) -> str:
    return ", ".join(f'{{ "nlri": "{prefix}" }}' for prefix in _texts(prefixes))


def _texts(prefixes: bytes) -> Iterator[str]:
    start = 0
    while start < len(prefixes):
        length = prefixes[start]
        end = start + 1 + (length + 7) // 8
        yield f"{socket.inet_ntoa(prefixes[start + 1 : end].ljust(4, bytes(1)))}/{length}"
        start = end
