"""The lab that is measured: ExaLB in it, observers at its router, the Services that a scenario wants."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Self

from exalb_bgp.rib import Address, Prefix
from tests.bench.services import Services
from tests.lab import exalb, layout, wait
from tests.lab.audit import Request
from tests.lab.cluster import Lab
from tests.lab.narration import Narration
from tests.support.bgp.messages import Kind, Message
from tests.support.bgp.sniffer import Wire
from tests.support.kernel import KernelRoutes

DEADLINE = 120.0
"""Seconds."""
CALM_DEADLINE = 1_500.0
"""The same for 10,000 conditions that Services are announced: ExaLB writes 10 a second (decision 047)."""
ACCOUNTS = tuple(f"system:serviceaccount:{exalb.NAMESPACE}:exalb-{name}" for name in ("controller", "speaker"))
POOL = "10.200.0.0/16"
CONFIGURATION = f"""\
apiVersion: exalb.io/v1beta1
kind: IPAddressPool
metadata:
  name: bench
  annotations:
    exalb.io/allow-deletion: "true"
spec:
  addresses: [{POOL}]
---
apiVersion: exalb.io/v1beta1
kind: BGPPeer
metadata:
  name: router
spec:
  myASN: {layout.NODE_AS}
  peerASN: {layout.ROUTER_AS}
  peerAddress: {layout.on_fabric(layout.ROUTER)[0].ip}
"""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done: tries of each kind, other Services, as many as it is built for, seconds of idleness."""

    created: int = 120
    created_after_deletion: int = 30
    readiness: int = 60
    others: int = 1000
    most: int = 10_000
    idle: float = 60.0


QUICK = Sizes(created=10, created_after_deletion=5, readiness=10, others=100, most=300, idle=10.0)


class Rig:
    """One lab with its observers; use it as a context."""

    def __init__(self, lab: Lab, sizes: Sizes) -> None:
        self.lab, self.sizes = lab, sizes
        self.services = Services(lab)
        self.nodes: dict[str, IPv4Address] = {node.name: node.addresses[0] for node in lab.nodes}
        self._observers = contextlib.ExitStack()
        self.floor: float | None = None
        """Seconds that the API server alone takes for many Services, once that is known."""

    def __enter__(self) -> Self:
        """Begin to observe, with no Service of an earlier run."""
        self.services.clear()
        self.wire = self._observers.enter_context(Wire(self.lab.router.namespace))
        self.kernel = self._observers.enter_context(KernelRoutes(self.lab.router.namespace))
        return self

    def __exit__(self, *_: object) -> None:
        """End observing."""
        self._observers.close()

    @property
    def suffix(self) -> str:
        """The end of the key of a measure that depends on how many Services are there already."""
        count = len(self.services.names)
        return "10000" if count > self.sizes.others else "1000" if count else "0"

    @property
    def narration(self) -> Narration:
        """Shows people the progress."""
        return self.lab.narration

    def install(self) -> None:
        """Have the checkout's ExaLB installed, with a pool and a session to the router from each node."""
        if not exalb.is_installed(self.lab):
            exalb.install(self.lab)
        self.lab.apply(CONFIGURATION)
        self.wait_sessions()

    def uninstall(self) -> None:
        """Take all of ExaLB out, as if it never was."""
        if exalb.is_installed(self.lab):
            self.services.fill(0)
            self.lab.delete(CONFIGURATION)
            exalb.uninstall(self.lab)
            self.lab.kubectl("delete", "namespace", exalb.NAMESPACE)
        found = self.lab.api.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        ours = [item["metadata"]["name"] for item in found if item["spec"]["group"] == "exalb.io"]
        if ours:
            self.lab.kubectl("delete", "crd", *ours)

    @property
    def next_hops(self) -> frozenset[Address]:
        """Of a route that every node announces."""
        return frozenset(self.nodes.values())

    def wait_sessions(self) -> None:
        """Return when the router has a session with every node."""

        def established() -> bool:
            peerings = self.lab.router.peerings()
            return all(address in peerings and peerings[address].established for address in self.nodes.values())

        wait.until("every node has its session", established, seconds=DEADLINE)

    def settle(self, quiet: float = 3.0) -> None:
        """Return when ExaLB wrote nothing and sent the router nothing for `quiet` seconds."""
        position, seen, since = self.mark(), len(self.wire.messages), time.monotonic()

        def calm() -> bool:
            nonlocal position, seen, since
            now = self.mark(), len(self.wire.messages)  # before reading: what comes meanwhile is read next time
            fresh, sent = self.writes(position), self.updates(seen)
            position, seen = now
            if fresh or sent:
                since = time.monotonic()
            return time.monotonic() - since > quiet

        wait.until("ExaLB is calm", calm, seconds=CALM_DEADLINE, every=0.2)

    def updates(self, seen: int) -> int:
        """Count the UPDATEs of the nodes after the first `seen` messages on the wire."""
        ours = self.nodes.values()
        return sum(message.kind is Kind.UPDATE and message.source in ours for message in self.wire.messages[seen:])

    def mark(self) -> int:
        """Return the place from which `writes` begins later."""
        return self.lab.control_plane.audit.end

    def writes(self, since: int) -> list[Request]:
        """Return what ExaLB wrote to the API server; the Lease, by which controllers elect one, is left out."""
        return [
            write
            for write in self.lab.control_plane.audit.writes(since)
            if write.user in ACCOUNTS and write.resource != "leases"
        ]

    def first_sent(self, seen: int, match: Callable[[Message], frozenset[Prefix]]) -> dict[Address, float]:
        """Wait until every node sent the router something that matches, in the messages after the first `seen`.

        Returns when each first did, in UNIX time.
        """
        times: dict[Address, float] = {}

        def all_did() -> bool:
            for message in self.wire.messages[seen:]:
                if message.kind is Kind.UPDATE and match(message):
                    times.setdefault(message.source, message.time)
            return times.keys() >= set(self.nodes.values())

        self.wire.wait(all_did, "not every node sent the router an UPDATE", DEADLINE)
        return times

    @contextlib.contextmanager
    def temporary_service(self, *, local: bool = False) -> Iterator[tuple[str, Prefix]]:
        """Have one more Service, announced by every node; yields its name and prefix."""
        seen = len(self.wire.messages)
        name, _ = self.services.create(local=local)
        self.first_sent(seen, lambda message: message.announced)
        [prefix] = {prefix for message in self.wire.messages[seen:] for prefix in message.announced}
        try:
            yield name, prefix
        finally:
            self.services.delete(name)
