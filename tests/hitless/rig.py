"""The lab of a run: ExaLB with BFD, all routers, two Services, and the tools of the events."""

import os
import signal
import threading
from functools import partial
from ipaddress import IPv4Address, ip_network
from itertools import count

from exalb_bgp.rib import Prefix
from tests.hitless import sites
from tests.hitless.sites import Site
from tests.lab import exalb, fabric, wait
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.lab.images import ECHO_HNAME
from tests.lab.node import Node
from tests.support import objects, processes

POLICIES = {"Local": IPv4Address("198.51.100.10"), "Cluster": IPv4Address("198.51.100.20")}
"""The address of the Service with each externalTrafficPolicy."""
DEADLINE = 240.0
"""Seconds."""
VALUES = {"speaker": {"bfd": {"enabled": True}, "drain": {"onCordon": True, "taints": ["maintenance"]}}}


class Rig:
    """One lab that is ready to measure."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.sites = lab, sites.of(lab)
        self.prefixes: dict[str, Prefix] = {policy: ip_network(address) for policy, address in POLICIES.items()}
        self._count = count(1)

    def prepare(self) -> None:
        """Install ExaLB, start the routers and the Services, and wait until all is whole."""
        exalb.install(self.lab, VALUES)
        for site in self.sites:
            site.begin()
        self.lab.apply([objects.pool("main", "198.51.100.0/24"), *(site.peer for site in self.sites)])
        for policy, address in POLICIES.items():
            self.lab.apply([*self._pods(policy), self._service(policy, address)])
        self.wait_whole()

    @property
    def node(self) -> Node:
        """The node to which things happen."""
        return self.lab.nodes[0]

    @property
    def first(self) -> str:
        """Its name."""
        return self.node.name

    def number(self) -> int:
        """Return another number each time."""
        return next(self._count)

    def _pods(self, policy: str) -> list[Json]:
        """One pod on each node; for policy Cluster only on the other node, so that its loss is none of pods."""
        nodes = self.lab.nodes if policy == "Local" else self.lab.nodes[1:]
        return [_deployment(f"{policy.lower()}-{node.name}", policy.lower(), node.name) for node in nodes]

    def _service(self, policy: str, address: IPv4Address) -> Json:
        spec = {"selector": {"app": policy.lower()}, "ports": [{"port": 80}], "externalTrafficPolicy": policy}
        wants = {"exalb.io/addresses": str(address)}
        return objects.service(f"default/{policy.lower()}", annotations=wants, **spec)

    def wait_whole(self) -> None:
        """Return when every router forwards to every node, and its sessions are up."""
        for site in self.sites:
            done = partial(site.is_whole, tuple(self.prefixes.values()))
            wait.until(f"{site.name} is whole", done, seconds=DEADLINE, every=0.2)

    def wait_left(self) -> None:
        """Return when no router forwards to the node."""
        for site in self.sites:
            wait.until(f"{site.name} left the node", partial(self._has_left, site), seconds=DEADLINE, every=0.2)

    def _has_left(self, site: Site) -> bool:
        return f"via {self.node.addresses[0]} " not in site.network.run(["ip", "-4", "route", "show"]).stdout

    def wait_drain(self, state: str | None) -> None:
        """Return when the node's BGPSpeaker says this state of its drain."""

        def reached() -> bool:
            status = self.lab.api.get(f"/apis/exalb.io/v1beta1/bgpspeakers/{self.first}")["status"]
            return bool(status.get("drain", {}).get("state") == state)

        wait.until(f"the drain of {self.first} is {state}", reached, seconds=DEADLINE)

    def wait_seconds(self, seconds: float) -> None:
        """Let an event last."""
        threading.Event().wait(seconds)

    def link(self, *, up: bool) -> None:
        """Cut the node's link behind the switch, where no end loses its carrier, or join it again."""
        switch = self.lab.layout.namespace(fabric.FABRIC)
        switch.ip(f"link set {self.first} {'master br0' if up else 'nomaster'}")

    def kill(self, role: str, node: str) -> None:
        """Kill the processes of a role on a node, and wait until others run."""

        def running() -> set[int]:
            return {each.pid for each in processes.of(self.lab) if (each.role, each.node) == (role, node)}

        before = running()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait.until(f"another {role} runs", lambda: running() - before or not before, seconds=DEADLINE)

    def wait_ready(self) -> None:
        """Return when nodes, pods and routers are as before an event."""
        self.lab.wait_nodes(DEADLINE)
        for workload in exalb.WORKLOADS:
            self.lab.kubectl(
                "rollout", "status", workload, f"--namespace={exalb.NAMESPACE}", f"--timeout={DEADLINE:g}s"
            )
        self.wait_whole()


def _deployment(name: str, app: str, node: str) -> Json:
    container = {
        "name": "web",
        "image": ECHO_HNAME,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "200m"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1, "timeoutSeconds": 20},
        # It serves while routers leave a node that shuts down, as people let theirs.
        "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
    }
    labels = {"app": app, "set": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                # It stays on its node, whatever happens to that, as a DaemonSet's.
                "spec": {"nodeName": node, "containers": [container], "tolerations": [{"operator": "Exists"}]},
            },
        },
    }
