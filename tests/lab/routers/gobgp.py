"""GoBGP: a route collector that answers in JSON."""

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, ClassVar

from exalb_bgp.rib import Address, Community, ExtendedCommunity, ExtendedKind, LargeCommunity, Prefix
from exalb_bgp.session import Family
from tests.lab.routers.router import Neighbor, Peering, Route, Router
from tests.lab.wait import until

ESTABLISHED = 6
"""Number of the state in GoBGP's API."""
EXTENDED = {2: ExtendedKind.ROUTE_TARGET, 3: ExtendedKind.ROUTE_ORIGIN, 4: ExtendedKind.LINK_BANDWIDTH}
"""By subtype (RFC 4360, link bandwidth draft)."""


class GoBgp(Router):
    """GoBGP; its API listens on the namespace's loopback, so that many run side by side."""

    kind: ClassVar[str] = "gobgp"
    pid_files: ClassVar[tuple[str, ...]] = ("gobgpd.pid",)

    def _start(self, neighbors: tuple[Neighbor, ...]) -> None:
        self._write(neighbors)
        daemon = f"gobgpd -f {self.directory}/gobgpd.toml --api-hosts 127.0.0.1:50051 --log-plain"
        shell = f"echo $$ > {self.directory}/gobgpd.pid; exec {daemon} > {self.directory}/gobgpd.log 2>&1"
        self.namespace.run(["setsid", "--fork", "sh", "-c", shell])
        until("gobgpd answers", lambda: self._answers(len(neighbors)), seconds=30, every=0.02)

    def _answers(self, neighbors: int) -> bool:
        done = self.namespace.run(["gobgp", "--json", "neighbor"], check=False)
        return done.returncode == 0 and len(json.loads(done.stdout or "[]") or []) == neighbors

    def _write(self, neighbors: tuple[Neighbor, ...]) -> None:
        head = ["[global.config]", f"as = {self.asn}", f'router-id = "{self.router_id}"']
        stanzas = [line for neighbor in neighbors for line in _stanza(neighbor)]
        (self.directory / "gobgpd.toml").write_text("\n".join([*head, *stanzas, ""]))

    def configure(self, *neighbors: Neighbor) -> None:
        """Have the file read again; who changed is removed first, or GoBGP refuses the neighbour for a while.

        GoBGP 3.10 keeps the MD5 key of a neighbour that it forgot, so it is restarted when a key is removed.
        """
        file = self.directory / "gobgpd.toml"
        before = file.read_text()
        kept = tuple(neighbor for neighbor in neighbors if "\n".join(["", *_stanza(neighbor), ""]) in before)
        if before.count("auth-password") > sum(neighbor.password is not None for neighbor in kept):
            self.start(*neighbors)
            return
        for step in ([kept] if len(kept) < len(neighbors) else []) + [neighbors]:
            self._write(step)
            if file.read_text() != before:
                self._read_again({neighbor.address for neighbor in step})

    def _read_again(self, wanted: set[Address | Prefix]) -> None:
        os.kill(int((self.directory / "gobgpd.pid").read_text()), signal.SIGHUP)
        until("gobgpd took its file", lambda: self.peerings().keys() == wanted, seconds=30, every=0.02)

    def peerings(self) -> Mapping[Address, Peering]:
        """Read the neighbours; connections are counted in the log."""
        peers: list[dict[str, Any]] = self._json("neighbor") or []
        ups = Counter(re.findall(r'msg="Peer Up" Key="?([0-9a-f.:]+)', (self.directory / "gobgpd.log").read_text()))
        names = [peer["conf"]["neighbor_address"] for peer in peers]
        return {ip_address(name): _peering(peer, ups[name]) for name, peer in zip(names, peers, strict=True)}

    def prefixes(self) -> Mapping[Prefix, frozenset[Address]]:
        """Read both tables."""
        return {
            ip_network(prefix): frozenset(ip_address(path["neighbor-ip"]) for path in paths)
            for prefix, paths in self._tables()
        }

    def routes(self) -> list[Route]:
        """Read both tables in full."""
        return [_route(prefix, path) for prefix, paths in self._tables() for path in paths]

    def _tables(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        for family in Family:
            yield from (self._json("global", "rib", "-a", family.value) or {}).items()

    def reset(self, neighbor: Address | None = None) -> None:
        """Shut the neighbour and open it again: after its own `reset`, GoBGP refuses the neighbour for 30 s."""
        for peer in [neighbor] if neighbor else self.peerings():
            self.namespace.run(["gobgp", "neighbor", str(peer), "disable"])
            self.namespace.run(["gobgp", "neighbor", str(peer), "enable"])

    @property
    def look(self) -> str:
        """GoBGP's own client, inside the namespace."""
        return " ".join(self.namespace.argv(["gobgp", "global", "rib"]))

    def _json(self, *command: str) -> Any:
        return json.loads(self.namespace.run(["gobgp", "--json", *command]).stdout or "null")


def _stanza(neighbor: Neighbor) -> Iterator[str]:
    if isinstance(neighbor.address, IPv4Network | IPv6Network):
        raise TypeError("listen ranges are for FRR")
    yield f"[[neighbors]] # {neighbor}"
    yield from ["[neighbors.config]", f'neighbor-address = "{neighbor.address}"']
    yield f"peer-as = {neighbor.asn}"
    if neighbor.password:
        yield f'auth-password = "{neighbor.password}"'
    yield from ["[neighbors.transport.config]", f"passive-mode = {str(neighbor.passive).lower()}"]
    yield f"remote-port = {neighbor.port}"
    if neighbor.local_address:
        yield f'local-address = "{neighbor.local_address}"'
    keepalive = max(1, neighbor.hold_time // 3)
    yield from ["[neighbors.timers.config]", f"hold-time = {neighbor.hold_time}", f"keepalive-interval = {keepalive}"]
    yield "connect-retry = 1"
    yield from ["[neighbors.graceful-restart.config]", "enabled = true", "restart-time = 120", "helper-only = true"]
    if neighbor.ttl_security:
        yield from ["[neighbors.ttl-security.config]", "enabled = true", "ttl-min = 255"]
    if neighbor.multihop:
        yield from ["[neighbors.ebgp-multihop.config]", "enabled = true", f"multihop-ttl = {neighbor.multihop}"]
    for family in sorted(neighbor.families, key=lambda family: family.value):
        yield from ["[[neighbors.afi-safis]]", "[neighbors.afi-safis.config]"]
        yield f'afi-safi-name = "{family.value}-unicast"'
        yield from ["[neighbors.afi-safis.mp-graceful-restart.config]", "enabled = true"]


def _peering(peer: dict[str, Any], connections: int) -> Peering:
    state = peer["state"]
    established = state.get("session_state") == ESTABLISHED
    capabilities = [capability["type_url"].rpartition(".")[2] for capability in state.get("remote_cap", ())]
    return Peering(
        established=established,
        connections=connections,
        hold_time=peer["timers"]["state"].get("negotiated_hold_time") if established else None,
        graceful_restart="GracefulRestartCapability" in capabilities,
    )


def _route(prefix: str, path: dict[str, Any]) -> Route:
    attributes = {attribute["type"]: attribute for attribute in path["attrs"]}
    hop = attributes.get(14) or attributes[3]
    return Route(
        prefix=ip_network(prefix),
        peer=ip_address(path["neighbor-ip"]),
        next_hop=ip_address(hop["nexthop"]),
        as_path=tuple(asn for segment in attributes[2].get("as_paths", ()) for asn in segment["asns"]),
        med=attributes.get(4, {}).get("metric"),
        local_pref=attributes.get(5, {}).get("value"),
        communities=frozenset(Community(*divmod(n, 65536)) for n in attributes.get(8, {}).get("communities", ())),
        large_communities=frozenset(
            LargeCommunity(community["ASN"], community["LocalData1"], community["LocalData2"])
            for community in attributes.get(32, {}).get("value", ())
        ),
        extended_communities=frozenset(map(_extended, attributes.get(16, {}).get("value", ()))),
        stale=path.get("stale", False),
    )


def _extended(attribute: dict[str, Any]) -> ExtendedCommunity:
    kind = EXTENDED[attribute["subtype"]]
    if kind is ExtendedKind.LINK_BANDWIDTH:
        return ExtendedCommunity(kind, attribute["asn"], int(attribute["bandwidth"]))
    asn, _, value = attribute["value"].partition(":")
    return ExtendedCommunity(kind, int(asn), int(value))
