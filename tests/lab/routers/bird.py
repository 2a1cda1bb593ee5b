"""BIRD: a router that keeps its hands off the kernel's table here and only listens."""

import re
import struct
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, ClassVar

from exalb_bgp.rib import Address, Community, ExtendedCommunity, ExtendedKind, LargeCommunity, Prefix
from tests.lab.routers.router import BfdPeering, Neighbor, Peering, Route, Router, RouterError

PATH = re.compile(r"^(?P<prefix>\S+/\d+)?\s+\w+ \[(?P<protocol>\S+) \S+?[^\]]*\] ")
ATTRIBUTE = re.compile(r"^\tBGP\.(?P<name>\w+): (?P<value>.*)$")
BFD_ROW = re.compile(r"^([0-9a-f.:]+)\s+\S+\s+(Up|Down|Init|AdminDown)\s", re.MULTILINE)
REFUSED = re.compile(r"^(syntax error|Unable|No |Access|\S+:\d+:\d+ )", re.MULTILINE)
TUPLE = re.compile(r"\(([^()]*)\)")
ANSWER = 30
"""Seconds after which a BIRD that does not answer its client hangs."""
EXTENDED = {"rt": ExtendedKind.ROUTE_TARGET, "ro": ExtendedKind.ROUTE_ORIGIN}
LINK_BANDWIDTH = "unknown 0x4004"
"""BIRD has no name for it; its value is the bits of a 32-bit float, shown as an integer."""


class Bird(Router):
    """BIRD 2; each neighbour is a protocol named after its address."""

    kind: ClassVar[str] = "bird"
    pid_files: ClassVar[tuple[str, ...]] = ("bird.pid",)

    def _start(self, neighbors: tuple[Neighbor, ...]) -> None:
        self._write(neighbors)
        socket, pid = self.directory / "bird.ctl", self.directory / "bird.pid"
        self.namespace.run(["bird", "-c", self.directory / "bird.conf", "-s", socket, "-P", pid])

    def _write(self, neighbors: tuple[Neighbor, ...]) -> None:
        head = [
            f'log "{self.directory}/bird.log" all;',
            f"router id {self.router_id};",
            "protocol device {}",
            "protocol bfd { debug { events }; }",
        ]
        stanzas = [line for neighbor in neighbors for line in self._stanza(neighbor)]
        (self.directory / "bird.conf").write_text("\n".join([*head, *stanzas, ""]))

    def configure(self, *neighbors: Neighbor) -> None:
        """Write the file and have it read; BIRD restarts only the protocols that differ."""
        self._write(neighbors)
        self.birdc("configure")

    def peerings(self) -> Mapping[Address, Peering]:
        """Read `show protocols all`; connections are counted in the log, where BIRD traces its states."""
        log = (self.directory / "bird.log").read_text()
        return {_address(name): _peering(name, block, log) for name, block in self._protocols()}

    def bfd_sessions(self) -> Mapping[Address, BfdPeering]:
        """Read `show bfd sessions`; changes are counted in the log, where BIRD traces its events."""
        log = (self.directory / "bird.log").read_text()
        rows = BFD_ROW.findall(self.birdc("show bfd sessions"))
        return {
            ip_address(name): BfdPeering(
                state == "Up", len(re.findall(rf"Session to {name} changed state .*\bUp\b", log))
            )
            for name, state in rows
        }

    def prefixes(self) -> Mapping[Prefix, frozenset[Address]]:
        """Read the routes without their attributes."""
        found: dict[Prefix, frozenset[Address]] = {}
        for prefix, peer, _ in _paths(self.birdc("show route")):
            found[prefix] = found.get(prefix, frozenset()) | {peer}
        return found

    def routes(self) -> list[Route]:
        """Read the routes with all attributes; BIRD marks the neighbour that restarts, not each of its routes."""
        restarting = {_address(name) for name, block in self._protocols() if "graceful restart active" in block}
        return [
            Route(prefix, peer, stale=peer in restarting, **_attributes(attributes))
            for prefix, peer, attributes in _paths(self.birdc("show route all"))
        ]

    def _protocols(self) -> list[tuple[str, str]]:
        """Return each neighbour's protocol with BIRD's output on it."""
        blocks = self.birdc("show protocols all").split("\n\n")
        return [(name[1], block) for block in blocks if (name := re.search(r"^(n_\S+)\s+BGP", block, re.MULTILINE))]

    def flushing(self) -> dict[Address, str]:
        """Return BIRD's output on each neighbour whose routes it removes after the session ended."""
        return {_address(name): block for name, block in self._protocols() if " flush " in block}

    def reset(self, neighbor: Address | None = None) -> None:
        """Restart the protocol."""
        self.birdc(f"restart {_protocol(neighbor)}" if neighbor else 'restart "n_*"')

    def refresh(self, neighbor: Address) -> None:
        """Ask the neighbour for its whole table again (route refresh, RFC 2918)."""
        self.birdc(f"reload in {_protocol(neighbor)}")

    @property
    def look(self) -> str:
        """BIRD's own client."""
        return f"birdc -s {self.directory}/bird.ctl"

    def birdc(self, command: str) -> str:
        """Run a command in BIRD's client and return what it prints; RouterError when it is refused, or not answered."""
        argv = ["timeout", str(ANSWER), *self.look.split(), *command.split()]
        done = self.namespace.run(argv, check=False)
        if done.returncode or REFUSED.search(done.stdout):
            raise RouterError(f"{self.namespace.name}: birdc {command}: {done.stdout.strip()} {done.stderr.strip()}")
        return done.stdout

    def _stanza(self, neighbor: Neighbor) -> Iterator[str]:
        if isinstance(neighbor.address, IPv4Network | IPv6Network):
            raise TypeError("listen ranges are for FRR")
        local = f"{neighbor.local_address} " if neighbor.local_address else ""
        yield f"protocol bgp {_protocol(neighbor.address)} {{"
        scope = f"%{neighbor.interface}" if neighbor.interface else ""
        yield f"  local {local}as {self.asn};"
        yield f"  neighbor {neighbor.address}{scope} port {neighbor.port} as {neighbor.asn};"
        yield f"  hold time {neighbor.hold_time}; passive {'yes' if neighbor.passive else 'no'}; debug {{ states }};"
        yield "  connect delay time 0; connect retry time 1; error wait time 1, 2; graceful restart on;"
        yield f"  {f'multihop {neighbor.multihop}' if neighbor.multihop else 'direct'};"
        if neighbor.password:
            yield f'  password "{neighbor.password}";'
        if neighbor.ttl_security:
            yield "  ttl security yes;"
        if neighbor.bfd:
            interval = f"min rx interval {neighbor.bfd} ms; min tx interval {neighbor.bfd} ms;"
            yield f"  bfd {{ {interval} multiplier 3; }};"
        for family in sorted(neighbor.families, key=lambda family: family.value):
            extended = " extended next hop yes;" if neighbor.extended_next_hop else ""
            yield f"  {family.value} {{ import all; export none;{extended} }};"
        yield "}"


def _protocol(neighbor: Address) -> str:
    return "n_" + re.sub(r"[.:]", "_", str(neighbor))


def _address(protocol: str) -> Address:
    text = protocol.removeprefix("n_")
    return ip_address(text.replace("_", "." if text.count("_") == 3 and "__" not in text else ":"))


def _peering(name: str, block: str, log: str) -> Peering:
    hold = re.search(r"Hold timer:\s+[\d.]+/(\d+)", block)
    return Peering(
        established="BGP state:          Established" in block,
        connections=log.count(f"{name}: State changed to up"),
        hold_time=int(hold[1]) if hold else None,
        graceful_restart="Graceful restart" in block.partition("Neighbor capabilities")[2],
    )


def _paths(text: str) -> list[tuple[Prefix, Address, dict[str, str]]]:
    """Read a listing of routes: each path's prefix, sender and attributes by BIRD's names for them."""
    found: list[tuple[Prefix, Address, dict[str, str]]] = []
    prefix = ""
    for line in text.splitlines():
        if path := PATH.match(line):
            prefix = path["prefix"] or prefix
            found.append((ip_network(prefix), _address(path["protocol"]), {}))
        elif attribute := ATTRIBUTE.match(line):
            found[-1][2][attribute["name"]] = attribute["value"]
    return found


def _attributes(attributes: dict[str, str]) -> dict[str, Any]:
    numbers = {name: int(attributes[name]) for name in ("med", "local_pref") if name in attributes}
    return numbers | {
        "next_hop": ip_address(attributes["next_hop"].split(maxsplit=1)[0]),
        "as_path": tuple(map(int, attributes.get("as_path", "").split())),
        "communities": frozenset(Community(*map(int, parts)) for parts in _tuples(attributes, "community")),
        "large_communities": frozenset(
            LargeCommunity(*map(int, parts)) for parts in _tuples(attributes, "large_community")
        ),
        "extended_communities": frozenset(map(_extended, _tuples(attributes, "ext_community"))),
    }


def _tuples(attributes: dict[str, str], name: str) -> list[list[str]]:
    return [inner.split(", " if ", " in inner else ",") for inner in TUPLE.findall(attributes.get(name, ""))]


def _extended(parts: list[str]) -> ExtendedCommunity:
    kind, asn, value = parts[0], int(parts[1]), int(parts[2])
    if kind == LINK_BANDWIDTH:
        return ExtendedCommunity(
            ExtendedKind.LINK_BANDWIDTH, asn, int(struct.unpack("!f", struct.pack("!I", value))[0])
        )
    return ExtendedCommunity(EXTENDED[kind], asn, value)
