"""One story's part of the lab: a namespace, a pool and a router of its own, so that stories do not meet."""

import fcntl
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Any

from exalb_bgp.rib import Address, Prefix
from tests.lab import fabric, layout, wait
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.lab.images import ECHO_HNAME
from tests.lab.network import Namespace
from tests.lab.routers.frr import Frr
from tests.support import objects
from tests.support.objects import wants


@dataclass(frozen=True, slots=True)
class Story:
    """Story `number` (1, 2, …) in a lab. Its objects have its name; `end` removes them."""

    lab: Lab
    number: int

    @property
    def name(self) -> str:
        """Of the Kubernetes namespace, the pool and the peers."""
        return f"story-{self.number}"

    @property
    def pool4(self) -> IPv4Network:
        """The story's own IPv4 addresses."""
        return IPv4Network(f"172.20.{self.number}.0/24")

    @property
    def pool6(self) -> IPv6Network:
        """The story's own IPv6 addresses."""
        return IPv6Network(f"2001:db8:100:{self.number}::/64")

    @property
    def asn(self) -> int:
        """The AS number of the story's router."""
        return 64600 + self.number

    @property
    def router(self) -> Frr:
        """The story's own router, next to the lab's on the fabric."""
        return Frr(self.network, self.asn, self.gateway)

    @property
    def gateway(self) -> IPv4Address:
        """The router's address on the fabric."""
        return IPv4Address(f"10.77.0.{self._host}")

    @property
    def network(self) -> Namespace:
        """The network of the story's router."""
        return self.lab.layout.namespace(f"r{self.number}")

    @property
    def _host(self) -> int:
        return layout.OTHER_ROUTERS[self.number - 1]

    @classmethod
    def begin(cls, lab: Lab) -> "Story":
        """Take the next number of this lab; make the namespace, the pool, the router and the peers.

        No number is taken twice: Kubernetes may still be at work on a namespace that is to go.
        """
        with (lab.layout.state / "stories").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            story = cls(lab, os.fstat(file.fileno()).st_size + 1)
            file.write(".")
        namespace = Namespace.create(lab.name, story.network.role, forwarding=True)
        fabric.join(fabric.switch_of(lab.layout), namespace, story._host)
        story.router.start(*lab.neighbors)
        lab.apply([objects.namespace(story.name), story.pool()])
        lab.apply(story.peers())
        return story

    def end(self) -> None:
        """Remove the story's objects; Kubernetes removes those of its namespace."""
        self.lab.kubectl("delete", "namespace", self.name, "--wait=false", "--ignore-not-found")
        self.lab.delete([*self.peers(), self.pool()])
        self.router.stop()
        self.network.delete()

    def pool(self, **spec: Any) -> Json:
        """Return the story's pool, which serves only its namespace; a story may end while it has assigned addresses."""
        whole = {"serviceAllocation": {"namespaces": [self.name]}, **spec}
        pool = objects.pool(self.name, str(self.pool4), str(self.pool6), **whole)
        pool["metadata"]["annotations"] = wants(allow_deletion="true")
        return pool

    def peers(self, **spec: Any) -> list[Json]:
        """Return the peers that lead to the story's router: one session for each family."""
        return [
            objects.peer(
                f"{self.name}-ipv{interface.version}",
                myASN=layout.NODE_AS,
                peerASN=self.asn,
                peerAddress=str(interface.ip),
                families=[f"IPv{interface.version}"],
                **spec,
            )
            for interface in layout.on_fabric(self._host)
        ]

    def deploy(self, name: str, replicas: int = 1, image: str = ECHO_HNAME) -> None:
        """Run pods of a web server, labelled `app: NAME`, and wait until they are ready."""
        self.kubectl("create", "deployment", name, f"--image={image}", f"--replicas={replicas}")
        self.kubectl("rollout", "status", "deployment", name, "--timeout=90s")

    def service(self, name: str, *, annotations: Mapping[str, str] | None = None, **spec: Any) -> Json:
        """Return a Service of type LoadBalancer for the pods of deployment `name`, not applied yet."""
        whole = {"selector": {"app": name}, "ports": [{"port": 80}], **spec}
        return objects.service(f"{self.name}/{name}", annotations=annotations, **whole)

    def addresses(self, service: str) -> list[str]:
        """Return the addresses in the Service's status, in their order."""
        found = self.lab.api.get(f"/api/v1/namespaces/{self.name}/services/{service}")
        return [entry["ip"] for entry in found.get("status", {}).get("loadBalancer", {}).get("ingress", [])]

    def wait_addresses(self, service: str, count: int = 1, seconds: float = 60) -> list[str]:
        """Return the Service's addresses once it has `count` of them."""

        def given() -> list[str]:
            found = self.addresses(service)
            assert len(found) == count, f"{service} has {found}"
            return found

        return wait.until(f"Service {service} has {count} addresses", given, seconds=seconds)

    def wait_sessions(self, seconds: float = 30) -> None:
        """Return when every node has a session of each family with the story's router."""
        wanted = {address for node in self.lab.nodes for address in node.addresses}

        def up() -> bool:
            found = {address for address, peering in self.router.peerings().items() if peering.established}
            assert wanted <= found, f"no session yet with {wanted - found}"
            return True

        wait.until("every node has its sessions", up, seconds=seconds)

    def routes(self) -> dict[Prefix, frozenset[Address]]:
        """Return the router's routes of the story's own pool: each prefix, and the nodes that announce it."""
        pools = (self.pool4, self.pool6)
        return {
            prefix: peers
            for prefix, peers in self.router.prefixes().items()
            if any(prefix.version == pool.version and prefix.network_address in pool for pool in pools)
        }

    def wait_routes(self, wanted: Mapping[Prefix, frozenset[Address]], seconds: float = 60) -> None:
        """Return when the story's router has exactly these routes of the story's pool."""

        def reached() -> bool:
            found = self.routes()
            assert found == wanted, f"the router has {found}"
            return True

        wait.until(f"the router has {wanted}", reached, seconds=seconds)

    def wait(self, what: str, condition: Callable[[], object], seconds: float = 30) -> None:
        """Wait for any other condition; an AssertionError counts as "not yet"."""
        wait.until(what, condition, seconds=seconds)

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl in the story's namespace."""
        return self.lab.kubectl(f"--namespace={self.name}", *arguments)
