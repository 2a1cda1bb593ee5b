"""A whole lab: control plane, nodes, router and client, brought up and cleared away by one class.

A `Lab` is a name: any process can make the value again and use a lab that another one brought up.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from ipaddress import IPv4Address
from itertools import repeat
from pathlib import Path
from typing import Any

import yaml

from tests.lab import api, binaries, fabric, images, layout, packages, reaper, seeds, sweep, wait, wrappers
from tests.lab.api import Json
from tests.lab.controlplane import ControlPlane
from tests.lab.images import Archive
from tests.lab.layout import Layout, Mode, ProxyMode
from tests.lab.narration import Narration
from tests.lab.network import Namespace
from tests.lab.node import Node
from tests.lab.routers.frr import Frr
from tests.lab.routers.router import Neighbor

Manifest = str | Json | Sequence[Json]
"""YAML of one or several objects, or the objects themselves."""
ESTIMATE = "about a minute with the demo; the first time about ten, to build Kubernetes' programs and images"


class CommandError(RuntimeError):
    """kubectl or helm failed; the text is the command and what it said."""


class LabBusyError(RuntimeError):
    """The lab belongs to another run that is still there."""


class Lab:
    """A lab by its name, there or not."""

    def __init__(self, name: str | None = None, narration: Narration | None = None) -> None:
        self.layout = Layout(name or layout.default_name())
        self.narration = narration or Narration.quiet()

    @property
    def name(self) -> str:
        """The name that all of the lab carries."""
        return self.layout.name

    @property
    def is_up(self) -> bool:
        """Whether the lab was brought up whole and its API server answers."""
        return self._facts_file.exists() and self.layout.namespace(fabric.CONTROL_PLANE).exists and self.api.is_ready()

    @cached_property
    def api(self) -> api.Client:
        """The API server, as its administrator."""
        return api.Client.of(self.layout)

    @property
    def control_plane(self) -> ControlPlane:
        """The control plane."""
        return ControlPlane(self.layout, self.programs)

    @property
    def programs(self) -> Path:
        """The directory of Kubernetes' programs that this lab runs."""
        return Path(self._facts["programs"])

    @property
    def kubernetes(self) -> str:
        """The minor version of Kubernetes that this lab runs, such as 1.37."""
        version = self.api.get("/version")
        return f"{version['major']}.{version['minor']}"

    @property
    def nodes(self) -> list[Node]:
        """The nodes, on or off."""
        return [Node(self.layout, number) for number in range(1, self._facts["nodes"] + 1)]

    def node(self, name: str) -> Node:
        """Return the node called `name` (n1, n2, …); KeyError when the lab has none of that name."""
        return {node.name: node for node in self.nodes}[name]

    @property
    def mode(self) -> Mode:
        """Where the client is, and by which protocol it reaches Services."""
        return Mode(self._facts["mode"])

    @property
    def router(self) -> Frr:
        """The router of the lab, between the nodes and the client; it runs in mode BGP only."""
        return Frr(self.layout.namespace(fabric.ROUTER), layout.ROUTER_AS, IPv4Address("10.77.0.100"))

    @property
    def neighbors(self) -> list[Neighbor]:
        """The nodes, as a router is configured for them.

        Each by its address: FRR's bgpd 8.4 crashes when a neighbour of a listen range, one that restarts gracefully,
        stays away until its restart timer ends.
        """
        return [Neighbor(address, layout.NODE_AS) for node in self.nodes for address in node.addresses]

    @property
    def client(self) -> Namespace:
        """A host outside the cluster: behind the router, or in mode L2 on the LAN of the nodes."""
        return self.layout.namespace(fabric.CLIENT)

    def up(
        self,
        nodes: int = 2,
        *,
        mode: Mode = Mode.BGP,
        proxy: ProxyMode = ProxyMode.NFTABLES,
        shutdown: bool = False,
        owner: int | None = None,
    ) -> None:
        """Bring the lab up, in place of what a dead run left of it. It ends with the process `owner`, else with ours.

        With `shutdown`, nodes have logind, and their kubelets notice a shutdown: `logind.POWER_OFF` begins one.

        Raises LabBusyError when the lab belongs to another running process. After a failure nothing is left.
        """
        programs, archives = self.prepare(images_too=nodes > 0)
        with sweep.alone(self.layout):
            if (busy := reaper.owner(self.layout)) and busy.pid != os.getpid():
                raise LabBusyError(
                    f"lab {self.name} belongs to process {busy.pid}, which still runs; choose another name"
                )
            self.layout.log("x").parent.mkdir(exist_ok=True)
            reaper.start(self.layout, owner or os.getpid())
            try:
                sweep.clear(self.layout, keep=(self.layout.owner, self.layout.reaper, self.layout.log("x").parent))
                self._facts_file.write_text(json.dumps({"programs": str(programs), "nodes": nodes, "mode": mode}))
                self._build(proxy, archives, shutdown=shutdown)
            except BaseException:
                self._clear()
                raise

    def prepare(self, *, images_too: bool = True) -> tuple[Path, list[Archive]]:
        """Have all that labs are made of on this machine; return where the programs and the images are.

        Takes minutes the first time, and nothing but a look later.
        """
        say = self.narration.say
        with self.narration.step("system packages, Kubernetes' programs, images"):
            with binaries.meanwhile(say):
                packages.ensure(say)
                archives = images.archives(say) if images_too else []
                if archives:
                    seeds.seed(archives[0], say)
            programs = binaries.kube(say)
        return programs, archives

    def stay(self) -> None:
        """Let the lab live on when the process that brought it up ends."""
        reaper.release(self.layout)

    def close(self) -> None:
        """Close our connection to the API server; the next use opens another."""
        if client := self.__dict__.pop("api", None):
            client.close()

    def down(self) -> None:
        """Clear the lab away, whatever there is of it: nothing of its name is left when this returns."""
        with sweep.alone(self.layout):
            self._clear()

    def kubectl(self, *arguments: str, given: str | None = None, check: bool = True) -> str:
        """Run kubectl as the administrator and return what it printed; CommandError with its own words if it fails."""
        return self._command("kubectl", arguments, given, check)

    def helm(self, *arguments: str, given: str | None = None, check: bool = True) -> str:
        """Run Helm as the administrator and return what it printed; CommandError with its own words if it fails."""
        return self._command("helm", arguments, given, check)

    def apply(self, manifest: Manifest) -> str:
        """`kubectl apply` objects; CommandError has the sentence of the API server when it refuses one."""
        return self.kubectl("apply", "--filename=-", given=_yaml(manifest))

    def delete(self, manifest: Manifest) -> str:
        """`kubectl delete` objects and wait until they are gone."""
        return self.kubectl("delete", "--ignore-not-found", "--filename=-", given=_yaml(manifest))

    def environment(self) -> Mapping[str, str]:
        """Return what a process that is to use the lab's cluster needs in its environment."""
        return {**os.environ, **self.layout.environment}

    def load(self, archives: Sequence[Archive]) -> None:
        """Put images on every node."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(_load, self.nodes, repeat(archives)))

    def wait_nodes(self, seconds: float = 60) -> None:
        """Return when every node is Ready."""
        names = {node.name for node in self.nodes}

        def ready() -> bool:
            found = {item["metadata"]["name"]: item for item in self.api.items("/api/v1/nodes")}
            late = [name for name in sorted(names) if not is_true(found.get(name), "Ready")]
            assert not late, f"nodes {late} are not Ready"
            return True

        wait.until("every node is Ready", ready, seconds=seconds)

    def _build(self, proxy: ProxyMode, archives: Sequence[Archive], *, shutdown: bool) -> None:
        self.layout.store.mkdir(parents=True, exist_ok=True)
        nodes, mode = len(self.nodes), self.mode
        parts = "a gateway, a client on the LAN" if mode is Mode.L2 else "a router, a client outside"
        with self.narration.step(f"network: a switch, {parts}"):
            fabric.build(self.layout, nodes, mode)
        with self.narration.step(f"control plane and {nodes} nodes: starting"):
            authority = self.control_plane.configure()
            self.control_plane.begin()
            for node in self.nodes:
                seed = seeds.seed(archives[0], self.narration.say)
                node.configure(authority, self.programs, seed, proxy, shutdown=shutdown)
                node.start()
            wrappers.write(self.layout, self.programs, self.router if mode is Mode.BGP else None)
        if mode is Mode.BGP:
            with self.narration.step("router: FRR"):
                self.router.start(*self.neighbors)
        with self.narration.step("images: onto every node"):
            for node in self.nodes:
                node.wait_containerd()
            self.load(archives[1:])
        with self.narration.step("control plane: ready"):
            self.control_plane.wait_ready()
        with self.narration.step("nodes: Ready"):
            self.wait_nodes()

    def _clear(self) -> None:
        """Clear the lab away under the reaper's eyes, which does it in our place if we are killed meanwhile."""
        self.close()
        sweep.clear(self.layout, keep=(self.layout.owner, self.layout.reaper))
        reaper.release(self.layout)
        sweep.clear(self.layout)

    def _command(self, program: str, arguments: Sequence[str], given: str | None, check: bool) -> str:
        namespace = self.layout.namespace(fabric.CONTROL_PLANE)
        done = namespace.run(
            [self.programs / program, *arguments],
            check=False,
            env=self.environment(),
            input=given or "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if not check else subprocess.PIPE,
        )
        if check and done.returncode:
            raise CommandError(f"{program} {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    @property
    def _facts_file(self) -> Path:
        return self.layout.state / "lab.json"

    @property
    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(self._facts_file.read_text())
        return facts


def is_true(thing: Json | None, condition: str) -> bool:
    """Return whether an object exists and has a condition of that type with status True."""
    conditions = (thing or {}).get("status", {}).get("conditions", [])
    return any(entry["type"] == condition and entry["status"] == "True" for entry in conditions)


def _load(node: Node, archives: Sequence[Archive]) -> None:
    for archive in archives:
        node.load(archive.path)


def _yaml(manifest: Manifest) -> str:
    if isinstance(manifest, str):
        return manifest
    return yaml.safe_dump_all([manifest] if isinstance(manifest, Mapping) else manifest)
