"""The demo: two deployments, two Services of type LoadBalancer, their routes on the router, answers to a host outside.

It shows the commands, their output and the routes on the router. Each step is checked, so the demo is a test too.
"""

import shlex
from collections.abc import Sequence
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import yaml

from tests.lab import layout, wait
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.lab.images import ECHO_HNAME, ECHO_IP

SERVICES = {"echo-hname": ECHO_HNAME, "echo-ip": ECHO_IP}
REPLICAS = 2
CURLS = 8
"""Requests to each address, before the wait for the answers of both pods."""
POOL_NAME = "demo"
FIRST_ADDRESS = "{.status.loadBalancer.ingress[0].ip}"
POOL: dict[str, Any] = {
    "apiVersion": "exalb.io/v1beta1",
    "kind": "IPAddressPool",
    "metadata": {"name": POOL_NAME},
    "spec": {"addresses": [f"{layout.first(layout.POOL4)}-198.51.100.254", str(layout.POOL6)]},
}
PEERS = [
    {
        "apiVersion": "exalb.io/v1beta1",
        "kind": "BGPPeer",
        "metadata": {"name": f"router-ipv{interface.version}"},
        "spec": {
            "myASN": layout.NODE_AS,
            "peerASN": layout.ROUTER_AS,
            "peerAddress": str(interface.ip),
            "families": [f"IPv{interface.version}"],
        },
    }
    for interface in layout.on_fabric(layout.ROUTER)
]


def run(lab: Lab, pool: dict[str, Any] = POOL) -> None:
    """Run the whole demo with Services from `pool`; TooLateError names the step that failed."""
    demo = RouterDemo(lab)
    demo.tidy()
    demo.prepare(pool)
    demo.deploy()
    addresses = demo.expose()
    demo.show_routes(addresses)
    demo.ask(addresses)
    demo.delete(addresses)


class Demo:
    """The steps; each runs a command as a person would, shows its output and checks it."""

    client = "A host behind the router"
    pool = layout.POOL4
    """A network with all IPv4 addresses of the pool."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._say = lab.narration
        self._chapter = 0

    def tidy(self) -> None:
        """Delete the rest of an interrupted demo; everything else in the lab belongs to people."""
        found = self._lab.kubectl("get", "deployment,service", *SERVICES, "--ignore-not-found", "--output=name")
        pods = [pod for name in SERVICES for pod in self._pods(name)]
        if not found and not pods:
            return
        with self._say.step("deleting the rest of an interrupted demo"):
            self._lab.kubectl("delete", "deployment,service", *SERVICES, "--ignore-not-found")
            gone = "no pod of the demo's deployments is left"
            wait.until(gone, lambda: not any(self._pods(name) for name in SERVICES), seconds=60)

    def deploy(self) -> None:
        """Create the deployments and scale them."""
        self._title("Two deployments of two pods: one answers with its host name, one with the address of the client")
        for name, image in SERVICES.items():
            self._kubectl(f"create deployment {name} --image={image}")
        for name in SERVICES:
            self._kubectl(f"scale deployment {name} --replicas={REPLICAS}")
        for name in SERVICES:
            self._kubectl(f"rollout status deployment {name} --timeout=90s")

    def expose(self) -> dict[str, IPv4Address]:
        """Create the Services and return their addresses."""
        self._title("Two Services of type LoadBalancer: each gets an address from the pool")
        for name in SERVICES:
            self._kubectl(f"expose deployment {name} --type=LoadBalancer --port=80")
        with self._say.step("Services: addresses assigned"):
            for name in SERVICES:
                wait.until(f"Service {name} has an address", partial(self._address, name))
        addresses = {
            name: IPv4Address(self._kubectl(f"get service {name} --output=jsonpath='{FIRST_ADDRESS}'"))
            for name in SERVICES
        }
        assert len(set(addresses.values())) == len(SERVICES), f"an address was assigned twice: {addresses}"
        return addresses

    def ask(self, addresses: dict[str, IPv4Address]) -> None:
        """Send requests to each address from outside until both pods of each have answered."""
        self._title(f"{self.client} sends several requests to each address")
        with self._say.step("every address: first answer"):
            for address in addresses.values():
                wait.until(f"{address} answers", partial(self._curl, address), seconds=45)
        for name, address in addresses.items():
            for _ in range(CURLS):
                self._say.answered(self._shown_curl(address))
            pods = {item["metadata"]["name"] for item in self._pods(name)}
            wait.until(f"the pods {sorted(pods)} answered", partial(self._all_answered, pods, address), every=0.2)
        self._kubectl("logs --selector=app=echo-ip --prefix --tail=2")

    def delete_services(self) -> None:
        """Delete everything that was created."""
        self._kubectl(f"delete service {' '.join(SERVICES)}")
        self._kubectl(f"delete deployment {' '.join(SERVICES)}")

    def show_released(self) -> None:
        """Show that the pool has the addresses again."""
        with self._say.step("pool: addresses released"):
            wait.until("the pool counts only the addresses of other Services", self._is_released)
        self._kubectl("get ipaddresspools.exalb.io")

    def _is_released(self) -> bool:
        pool = self._lab.api.get(f"/apis/exalb.io/v1beta1/ipaddresspools/{POOL_NAME}")
        status = pool.get("status", {}).get("ipv4", {})
        held = self._held()
        assert status.get("assigned") == len(held), f"status {status}, while Services hold {sorted(held)}"
        return True

    def _held(self) -> set[IPv4Address]:
        """Return the pool's IPv4 addresses of other Services: those that people exposed in addition to the demo's."""
        services = self._lab.api.items("/api/v1/services")
        entries = [entry for service in services for entry in service["status"]["loadBalancer"].get("ingress", [])]
        addresses = {ip_address(entry["ip"]) for entry in entries if "ip" in entry}
        return {address for address in addresses if isinstance(address, IPv4Address) and address in self.pool}

    def _address(self, service: str) -> str:
        return self._lab.kubectl("get", "service", service, f"--output=jsonpath={FIRST_ADDRESS}")

    def _pods(self, deployment: str) -> list[Json]:
        return self._lab.api.items("/api/v1/namespaces/default/pods", labelSelector=f"app={deployment}")

    def _all_answered(self, pods: set[str], address: IPv4Address) -> bool:
        self._curl(address)
        silent = [pod for pod in pods if " 200" not in self._lab.kubectl("logs", pod)]
        assert not silent, f"no answer yet from {silent}"
        return True

    def _curl(self, address: IPv4Address) -> str:
        done = self._lab.client.run(
            ["curl", "--silent", "--show-error", "--max-time", "2", f"http://{address}/"], check=False
        )
        return done.stdout.strip()

    def _shown_curl(self, address: IPv4Address) -> str:
        self._say.typed(f"curl http://{address}/")
        return wait.until(f"{address} answers", partial(self._curl, address), seconds=45)

    def _title(self, text: str) -> None:
        self._chapter += 1
        self._say.title(f"{self._chapter}. {text}")

    def _apply(self, objects: Sequence[Json]) -> None:
        manifest = yaml.safe_dump_all(objects, sort_keys=False)
        self._say.typed("kubectl apply -f - <<END")
        self._say.answered(manifest)
        self._say.answered(self._lab.apply(manifest))

    def _kubectl(self, command: str) -> str:
        self._say.typed(f"kubectl {command}")
        answer = self._lab.kubectl(*shlex.split(command))
        self._say.answered(answer)
        return answer


class RouterDemo(Demo):
    """The steps with a router in front of the nodes."""

    def prepare(self, pool: dict[str, Any]) -> None:
        """Apply a pool and peers, and wait for the sessions of every node."""
        self._title("A pool of addresses, and the router as BGP peer")
        self._apply([pool, *PEERS])
        wanted = {address for node in self._lab.nodes for address in node.addresses}
        with self._say.step("BGP sessions of every node: Established"):
            wait.until(f"FRR has sessions with {wanted}", lambda: wanted <= self._established(), seconds=60)
        self._router("show bgp summary")

    def show_routes(self, addresses: dict[str, IPv4Address]) -> None:
        """Show the route of each address on the router, through every node."""
        self._title("The router has learned a route to each address from every node")
        nodes = frozenset(node.addresses[0] for node in self._lab.nodes)
        prefixes = [ip_network(address) for address in addresses.values()]
        with self._say.step("router: routes in the kernel"):
            wait.until(
                f"the router reaches {prefixes} by {sorted(nodes)}",
                lambda: all(self._lab.router.kernel_routes().get(prefix) == nodes for prefix in prefixes),
                seconds=45,
            )
        self._router("show ip route bgp")

    def delete(self, addresses: dict[str, IPv4Address]) -> None:
        """Delete everything that was created, and wait until its addresses and routes are gone."""
        self._title("The Services are deleted: their addresses are released, their routes are withdrawn")
        self.delete_services()
        prefixes = {ip_network(address) for address in addresses.values()}
        with self._say.step("router: routes withdrawn"):
            wait.until(
                f"the router has no route to {prefixes}",
                lambda: not prefixes & (self._lab.router.kernel_routes().keys() | self._lab.router.prefixes().keys()),
            )
        self._router("show ip route bgp")
        self.show_released()

    def _established(self) -> set[IPv4Address | IPv6Address]:
        return {address for address, peering in self._lab.router.peerings().items() if peering.established}

    def _router(self, command: str) -> None:
        self._say.typed(f'vtysh -c "{command}"')
        self._say.answered(self._lab.router.vtysh(command))
