"""FRR: bgpd, bfdd, and zebra, which installs what bgpd chose into the namespace's own kernel table."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, ClassVar

from exalb_bgp.rib import Address, Community, ExtendedCommunity, ExtendedKind, LargeCommunity, Prefix
from exalb_bgp.session import Family
from tests.lab.routers.router import BfdPeering, Neighbor, Peering, Route, Router, RouterError

DAEMONS = "/usr/lib/frr"
READ_AT_ONCE = 200
"""Prefixes asked for in one call of vtysh, whose start costs more than an answer."""
WELL_KNOWN = {
    "graceful-shutdown": Community(65535, 0),
    "no-export": Community(65535, 65281),
    "no-advertise": Community(65535, 65282),
    "local-AS": Community(65535, 65283),
    "blackhole": Community(65535, 666),
}
EXTENDED = {
    "RT": ExtendedKind.ROUTE_TARGET,
    "SoO": ExtendedKind.ROUTE_ORIGIN,
    "LB": ExtendedKind.LINK_BANDWIDTH,
}


class Frr(Router):
    """FRR as a top-of-rack router: every sender of a prefix becomes a next hop of equal weight (ECMP)."""

    kind: ClassVar[str] = "frr"
    pid_files: ClassVar[tuple[str, ...]] = ("bgpd.pid", "bfdd.pid", "zebra.pid")

    def _start(self, neighbors: tuple[Neighbor, ...]) -> None:
        for daemon in ("zebra", "bfdd", "bgpd"):
            (self.directory / f"{daemon}.conf").write_text(f"log file {self.directory}/{daemon}.log\n")
        (self.directory / "vtysh.conf").touch()
        shutil.chown(self.directory, "frr", "frr")
        for daemon in ("zebra", "bfdd", "bgpd"):
            files = {"-f": f"{daemon}.conf", "-i": f"{daemon}.pid", "-z": "zserv.api", "--vty_socket": ""}
            files |= {"--bfdctl": "bfdd.sock"} if daemon == "bfdd" else {}
            options = [part for option, name in files.items() for part in (option, str(self.directory / name))]
            self.namespace.run([f"{DAEMONS}/{daemon}", "-d", "-P", "0", "-A", "127.0.0.1", *options])
        self.vtysh("configure terminal", *self._base())
        self.configure(*neighbors)

    def _base(self) -> Iterator[str]:
        yield f"router bgp {self.asn}"
        yield f"bgp router-id {self.router_id}"
        yield "no bgp ebgp-requires-policy"
        yield "no bgp default ipv4-unicast"
        yield "bgp bestpath as-path multipath-relax"
        yield "bgp listen limit 5000"
        for family in Family:
            yield f"address-family {family.value} unicast"
            yield "maximum-paths 64"
            yield "maximum-paths ibgp 64"
            yield "exit-address-family"

    def configure(self, *neighbors: Neighbor) -> None:
        """Change only what differs from the configuration of before."""
        known = self.directory / "neighbors.json"
        before: dict[str, list[str]] = json.loads(known.read_text()) if known.exists() else {}
        after = {str(neighbor.address): list(_stanza(neighbor)) for neighbor in neighbors}
        changed = [name for name in before if before[name] != after.get(name)]
        lines = [line for name in changed for line in _removal(name)]
        lines += [line for name, stanza in after.items() if before.get(name) != stanza for line in stanza]
        if lines:
            self.vtysh("configure terminal", f"router bgp {self.asn}", *lines)
        known.write_text(json.dumps(after, indent=1))

    def peerings(self) -> Mapping[Address, Peering]:
        """Read `show bgp neighbors`."""
        peers: dict[str, Any] = json.loads(self.vtysh("show bgp neighbors json"))
        return {ip_address(name): _peering(peer) for name, peer in peers.items()}

    def bfd_sessions(self) -> Mapping[Address, BfdPeering]:
        """Read `show bfd peers`."""
        peers, counters = _documents(self.vtysh("show bfd peers json", "show bfd peers counters json"))
        changes = {peer["peer"]: peer["session-up"] + peer["session-down"] for peer in counters}
        return {ip_address(peer["peer"]): BfdPeering(peer["status"] == "up", changes[peer["peer"]]) for peer in peers}

    def prefixes(self) -> Mapping[Prefix, frozenset[Address]]:
        """Read both tables at once."""
        tables = _documents(self.vtysh(*(f"show bgp {family.value} unicast json" for family in Family)))
        return {
            ip_network(prefix): frozenset(ip_address(path["peerId"]) for path in paths)
            for table in tables
            for prefix, paths in table.get("routes", {}).items()
        }

    def routes(self) -> list[Route]:
        """Read every prefix in full."""
        asked = [f"show bgp ipv{prefix.version} unicast {prefix} json" for prefix in self.prefixes()]
        chunks = [asked[at : at + READ_AT_ONCE] for at in range(0, len(asked), READ_AT_ONCE)]
        entries = [entry for chunk in chunks for entry in _documents(self.vtysh(*chunk))]
        return [_route(entry["prefix"], path) for entry in entries for path in entry.get("paths", ())]

    def reset(self, neighbor: Address | None = None) -> None:
        """`clear bgp` with NOTIFICATION and a new connection."""
        self.vtysh(f"clear bgp {neighbor or '*'}")

    def refresh(self, neighbor: Address) -> None:
        """Ask the neighbour for its whole table again (route refresh, RFC 2918)."""
        self.vtysh(*(f"clear bgp {family.value} unicast {neighbor} soft in" for family in Family))

    def kernel_routes(self) -> dict[Prefix, frozenset[Address]]:
        """Return the routes of zebra in the kernel: each prefix with its gateways."""
        found: dict[Prefix, frozenset[Address]] = {}
        for version in (4, 6):
            argv = ["ip", f"-{version}", "-json", "route", "show", "proto", "bgp"]
            for route in json.loads(self.namespace.run(argv).stdout or "[]"):
                hops = route.get("nexthops", [route])
                found[ip_network(route["dst"])] = frozenset(ip_address(hop["gateway"]) for hop in hops)
        return found

    @property
    def look(self) -> str:
        """The shell of FRR."""
        return f"vtysh --vty_socket {self.directory} --config_dir {self.directory}"

    def vtysh(self, *commands: str) -> str:
        """Run commands in FRR's shell and return what they print; RouterError when one is refused."""
        argv = [*self.look.split(), *(part for command in commands for part in ("-c", command))]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        refused = [line for line in done.stdout.splitlines() if line.startswith("% ")]
        if done.returncode or refused:
            said = "; ".join(refused) or done.stderr.strip() or done.stdout.strip()
            raise RouterError(f"{self.namespace.name}: vtysh {commands[-1]!r}: {said}")
        return done.stdout


def _group(prefix: Prefix) -> str:
    return "range-" + re.sub(r"[^0-9a-f]", "-", str(prefix))


def _stanza(neighbor: Neighbor) -> Iterator[str]:
    """Lines for one neighbour, inside `router bgp`."""
    name = str(neighbor.address)
    if isinstance(neighbor.address, IPv4Network | IPv6Network):
        name = _group(neighbor.address)
        yield f"neighbor {name} peer-group"
    yield f"neighbor {name} remote-as {neighbor.asn}"
    yield f"neighbor {name} timers {max(1, neighbor.hold_time // 3)} {neighbor.hold_time}"
    yield from (f"neighbor {name} {line}" for line in _options(neighbor))
    for family in sorted(neighbor.families, key=lambda family: family.value):
        yield f"address-family {family.value} unicast"
        yield f"neighbor {name} activate"
        yield "exit-address-family"
    if isinstance(neighbor.address, IPv4Network | IPv6Network):
        yield f"bgp listen range {neighbor.address} peer-group {name}"
    elif not neighbor.password:
        # bgpd keeps the key of a dynamic neighbor on its socket if the session ended before the range went.
        yield f"neighbor {name} password unused"
        yield f"no neighbor {name} password"


def _options(neighbor: Neighbor) -> Iterator[str]:
    if isinstance(neighbor.address, IPv4Address | IPv6Address):
        yield "passive" if neighbor.passive else "timers connect 1"
        yield f"port {neighbor.port}"
    if neighbor.interface:
        yield f"interface {neighbor.interface}"
    if neighbor.password:
        yield f"password {neighbor.password}"
    if neighbor.ttl_security:
        yield "ttl-security hops 1"
    if neighbor.multihop:
        yield f"ebgp-multihop {neighbor.multihop}"
    if neighbor.local_address:
        yield f"update-source {neighbor.local_address}"
    if neighbor.extended_next_hop:
        yield "capability extended-nexthop"
    if neighbor.bfd:
        yield f"bfd 3 {neighbor.bfd} {neighbor.bfd}"


def _removal(name: str) -> Iterator[str]:
    if "/" not in name:
        yield f"no neighbor {name}"
        return
    group = _group(ip_network(name))
    yield f"no neighbor {group} password"  # or the key of the range stays on bgpd's listening socket
    yield f"no bgp listen range {name} peer-group {group}"
    yield f"no neighbor {group} peer-group"


def _documents(text: str) -> Iterator[Any]:
    """Read JSON documents that follow one another."""
    decoder, at = json.JSONDecoder(), 0
    while (at := next((m.start() for m in re.compile(r"\S").finditer(text, at)), -1)) >= 0:
        document, at = decoder.raw_decode(text, at)
        yield document


def _peering(peer: dict[str, Any]) -> Peering:
    established = peer["bgpState"] == "Established"
    return Peering(
        established=established,
        connections=peer["connectionsEstablished"],
        hold_time=peer["bgpTimerHoldTimeMsecs"] // 1000 if established else None,
        graceful_restart="eceived" in peer.get("neighborCapabilities", {}).get("gracefulRestart", ""),
    )


def _route(prefix: str, path: dict[str, Any]) -> Route:
    hops = [hop for hop in path["nexthops"] if hop.get("scope") != "link-local"] or path["nexthops"]
    extended = re.findall(r"(RT|SoO|LB):(\d+):(\d+)", path.get("extendedCommunity", {}).get("string", ""))
    return Route(
        prefix=ip_network(prefix),
        peer=ip_address(path["peer"]["peerId"]),
        next_hop=ip_address(hops[0]["ip"]),
        as_path=tuple(asn for segment in path["aspath"]["segments"] for asn in segment["list"]),
        med=path.get("metric"),
        local_pref=path.get("locPrf"),
        communities=frozenset(map(_community, path.get("community", {}).get("string", "").split())),
        large_communities=frozenset(
            LargeCommunity(*map(int, text.split(":"))) for text in path.get("largeCommunity", {}).get("list", ())
        ),
        extended_communities=frozenset(ExtendedCommunity(EXTENDED[k], int(a), int(v)) for k, a, v in extended),
        stale=path.get("stale", False),
    )


def _community(text: str) -> Community:
    return WELL_KNOWN.get(text) or Community(*map(int, text.split(":")))
