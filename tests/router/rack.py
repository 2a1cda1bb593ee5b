"""A rack as the pages on routers draw it: two nodes with an engine each, and a router set up by its page alone.

The page's own BGPPeer, and the pool, Secret and advertisement of the pages' index, go through the functions that a
speaker runs; only nodes, Services and endpoints are made here.
"""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import yaml

from exalb.announcement.bfd import bfd_peers
from exalb.kube.manifests import snapshot_of
from exalb_bgp.rib import Address
from exalb_bgp.session import State
from tests.lab.network import Namespace, attach, bridge, delete_all
from tests.lab.wait import until
from tests.router.pages import ByPage, PageBird, PageFrr, PageGoBgp
from tests.support import objects
from tests.support.decisions import plan_of
from tests.support.engine.bfd import BfdProcess
from tests.support.engine.rig import Engine
from tests.support.tree import ROOT

DOCS = ROOT / "docs" / "routers"
ROUTERS: Mapping[str, type[PageFrr | PageBird | PageGoBgp]] = {"frr": PageFrr, "bird": PageBird, "gobgp": PageGoBgp}
GTSM = "-gtsm"
"""Ends the name of a variant: the page's second block too, and `ttlSecurity` in the BGPPeer."""
ROUTER = "203.0.113.1", "2001:db8:113::1"
PEER = "BGPPeer"
NODES = {"n1": ("203.0.113.11", "2001:db8:113::11"), "n2": ("203.0.113.12", "2001:db8:113::12")}

Manifest = dict[str, Any]
Endpoints = Mapping[str, tuple[str, int]]
"""By node: in which condition its endpoints are (`ready` or `draining`), and how many there are."""


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of that language on a page, in order."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no block of {language}"
    return found


@dataclass
class Rack:
    """The nodes n1 and n2, and one router."""

    lab: str
    name: str
    """Of the router, or of a variant of its page."""
    router: ByPage = field(init=False)
    namespace: Namespace = field(init=False)
    """The router's."""
    engines: dict[str, Engine] = field(default_factory=dict)
    page: list[Manifest] = field(default_factory=list)
    """The manifests of the page and of the index."""
    bfd: dict[str, BfdProcess] = field(default_factory=dict)
    """The BFD processes of the nodes, while they have any."""

    def build(self) -> None:
        """Connect the namespaces; start the router with its page's configuration, and the engines without a goal."""
        switch = bridge(Namespace.create(self.lab, "fabric"))
        kind = self.name.removesuffix(GTSM)
        page = DOCS / f"{kind}.md"
        self.namespace = namespace = Namespace.create(self.lab, kind, forwarding=True)
        attach(switch, namespace)
        namespace.address("eth0", *map(_interface, ROUTER))
        self.page = [*_manifests(DOCS / "README.md"), *_manifests(page)]
        self.router = router = ROUTERS[kind](namespace, 64513, IPv4Address(ROUTER[0]))
        router.follow(blocks(page, router.language)[0])
        if self.name.endswith(GTSM) and isinstance(router, PageFrr):
            router.add(blocks(page, router.language)[1])
            self.page = [_with(manifest, ttlSecurity=True) for manifest in self.page]
        for name, addresses in NODES.items():
            node = Namespace.create(self.lab, name)
            attach(switch, node)
            node.address("eth0", *map(_interface, addresses))
            self.engines[name] = Engine(node)
            self.engines[name].start()

    @contextmanager
    def with_bfd(self) -> Iterator[None]:
        """Run BFD on the nodes and, as the page says, on the router while the context lasts; the router keeps it."""
        kind = self.name.removesuffix(GTSM)
        self.router.add_bfd(*blocks(DOCS / f"{kind}.md", self.router.language)[1:])
        self.bfd = {name: BfdProcess(engine.node) for name, engine in self.engines.items()}
        try:
            for process in self.bfd.values():
                process.start()
            yield
        finally:
            for process in self.bfd.values():
                process.apply({})
                process.stop()
            self.bfd = {}

    def destroy(self) -> None:
        """Stop all programs, and remove everything."""
        for engine in self.engines.values():
            engine.stop()
            shutil.rmtree(engine.directory)
        self.router.stop()
        delete_all(self.lab)

    @property
    def peer(self) -> Manifest:
        """The spec of the page's BGPPeer."""
        return next(manifest["spec"] for manifest in self.page if manifest["kind"] == PEER)

    def announce(self, services: Mapping[Address, Endpoints], *more: Manifest, **spec: Any) -> None:
        """Have every node announce these addresses as its speaker would; `spec` changes the page's BGPPeer."""
        objects = [_with(manifest, **spec) for manifest in self.page] + [*_nodes(), *_services(services), *more]
        cluster, malformed = snapshot_of(objects, "exalb-system")
        assert not malformed
        for name, engine in self.engines.items():
            plan = plan_of(name, cluster)
            assert plan.sessions.keys() == {"tor"}, "the page's BGPPeer is not active"
            engine.apply(plan.speaker)
            if name in self.bfd:
                self.bfd[name].apply(bfd_peers(plan))
        for engine in self.engines.values():
            engine.settle(seconds=90)  # the first of them waits for ExaBGP to start, on a machine that may be busy

    def until_announced(self) -> None:
        """Wait until both sessions are Established and all routes are announced."""
        for name, engine in self.engines.items():
            until(f"{name} announced all routes", partial(_has_announced, engine), seconds=60)

    def hops(self, address: Address) -> dict[str, int]:
        """Return the nodes to which the router sends packets for an address, and their weights."""
        names = {ip_address(text): name for name, both in NODES.items() for text in both}
        return {names[hop]: weight for hop, weight in self.router.hops(ip_network(address)).items()}


def _interface(address: str) -> IPv4Interface | IPv6Interface:
    return ip_interface(f"{address}/{64 if ':' in address else 24}")


def _manifests(page: Path) -> list[Manifest]:
    return list(yaml.safe_load_all(blocks(page, "yaml")[0]))


def _with(manifest: Manifest, **spec: Any) -> Manifest:
    """Change a BGPPeer; None removes a field."""
    if manifest["kind"] != PEER:
        return manifest
    changed = {**manifest["spec"], **spec}
    return {**manifest, "spec": {name: value for name, value in changed.items() if value is not None}}


def _has_announced(engine: Engine) -> bool:
    status = engine.session("tor")
    assert status.state is State.ESTABLISHED, status
    assert status.sent == status.wanted, status
    return True


def _nodes() -> Iterator[Manifest]:
    return (objects.node(name, *addresses) for name, addresses in NODES.items())


def _services(services: Mapping[Address, Endpoints]) -> Iterator[Manifest]:
    for number, (address, endpoints) in enumerate(services.items()):
        name, family = f"default/s{number}", f"IPv{address.version}"
        yield objects.assigned_service(name, str(address), externalTrafficPolicy="Local", ipFamilies=[family])
        yield objects.endpoints(name, *_endpoints(address.version, endpoints), family=family)


def _endpoints(version: int, endpoints: Endpoints) -> Iterator[Manifest]:
    for number, (node, (condition, count)) in enumerate(endpoints.items(), 1):
        ready = condition == "ready"
        for host in range(1, count + 1):
            address = f"10.88.{number}.{host}" if version == 4 else f"fd00:88:{number}::{host}"
            yield objects.endpoint(address, node, ready=ready, serving=True, terminating=not ready)
