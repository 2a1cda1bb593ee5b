"""Counted answers to a client at a story's router, and pods placed on the nodes that a story names."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from exalb_bgp.rib import Address, Prefix
from tests.lab import wait
from tests.lab.api import Json
from tests.lab.cluster import Lab
from tests.lab.images import CHECKOUT, ECHO_HNAME
from tests.lab.network import Namespace
from tests.lab.node import Node
from tests.stories.story import Story
from tests.support import objects
from tests.support.note import Note

"""Takes the name of a figure of a story, and the figure."""

TIMEOUT = 180.0
"""Seconds for an action that takes two on a quiet machine."""
CATCH_ALL = objects.advertisement(
    "everything-else", ipAddressPoolSelectors=[{"matchExpressions": [{"key": "alone", "operator": "DoesNotExist"}]}]
)
"""Announces the pools of the stories that have no advertisement of their own; it stays in the lab."""


NOTICE = 0.1
"""Seconds that a busy machine may take to report that a route changed."""


class Failure(NamedTuple):
    """A request that got no answer."""

    asked: float
    """UNIX time."""
    failed: float
    error: str


@dataclass(slots=True)
class Answers:
    """The number of answers of each pod, the failures, and the seconds of the slowest answer."""

    by_pod: Mapping[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def total(self) -> int:
        """How many answers there were."""
        return sum(self.by_pod.values())

    def lost(self, moves: Iterable[float]) -> list[Failure]:
        """List the failures that did not happen while the router moved the address (UNIX time).

        A connection that is open at that moment goes on at another node, which does not know it and ends it. No
        load balancer that announces routes can prevent that; it is rare, because a request takes a millisecond here.
        """
        times = list(moves)
        return [
            failure
            for failure in self.failures
            if not any(failure.asked - NOTICE <= t <= failure.failed + NOTICE for t in times)
        ]

    def note(self, note: Note, what: str) -> None:
        """Write the figures into the report."""
        note(what, f"{len(self.failures)} of {self.total + len(self.failures)} failed, slowest {self.slowest} s")


def ask(story: Story, address: Address, count: int) -> Answers:
    """Send `count` requests to the server at `address`, from the story's router."""
    done = story.network.run(_command(address, f"--count={count}"), cwd=CHECKOUT, timeout=2 * TIMEOUT)
    return _read(done.stdout)


@contextmanager
def asking(story: Story, address: Address, rate: float) -> Iterator[Answers]:
    """Send `rate` requests per second from the story's router while the context lasts."""
    with asking_from(story.network, address, rate) as answers:
        yield answers


@contextmanager
def asking_from(network: Namespace, address: Address, rate: float) -> Iterator[Answers]:
    """Send `rate` requests per second while the context lasts; the answers are complete when it ends."""
    answers = Answers()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with network.popen(_command(address, f"--rate={rate:g}"), cwd=CHECKOUT, text=True, **pipes) as process:
        assert process.stdout
        assert process.stdout.readline() == "asked\n"
        try:
            yield answers
        finally:
            said = process.communicate(timeout=TIMEOUT)[0]
    found = _read(said)
    answers.by_pod, answers.failures, answers.slowest = found.by_pod, found.failures, found.slowest


def _command(address: Address, *options: str) -> list[str]:
    return [sys.executable, "-m", "tests.stories.asking", str(address), *options]


def _read(output: str) -> Answers:
    report = json.loads(output.splitlines()[-1])
    return Answers(report["answers"], [Failure(*entry) for entry in report["failures"]], report["slowest"])


def wait_rules(story: Story, address: Address) -> None:
    """Return when kube-proxy of every node has its rules for the address of a story."""
    wait_rules_in(story.lab, address)


def wait_rules_in(lab: Lab, address: Address) -> None:
    """Return when kube-proxy of every node has its rules for the address.

    An earlier request has effects: a node forwards such a packet untranslated, and for two minutes its connection
    tracking does the same with every connection from that port.
    """
    family = "ip" if address.version == 4 else "ip6"

    def has(node: Node) -> bool:
        return f"{address} ." in node.run(["nft", "list", "map", family, "kube-proxy", "service-ips"]).stdout

    for node in lab.nodes:
        wait.until(f"kube-proxy of {node.name} has rules for {address}", partial(has, node), seconds=TIMEOUT)


def pods_on(story: Story, node: str, replicas: int, app: str = "web") -> None:
    """Run so many pods of a web server on one node, labelled `app: APP`, and wait until they are ready."""
    story.lab.apply(deployment(story, f"{app}-{node}", replicas, app, nodeName=node))
    rolled_out(story, f"{app}-{node}")


def rolled_out(story: Story, name: str) -> None:
    """Return when a deployment is as its spec says, and its pods are ready."""
    story.kubectl("rollout", "status", "deployment", name, f"--timeout={TIMEOUT:g}s")


def deployment(story: Story, name: str, replicas: int, app: str, **pod: Any) -> Json:
    """Return a Deployment of a web server that is ready only when it answers; `pod` goes into the pods' spec."""
    container = {
        "name": "web",
        "image": ECHO_HNAME,
        "imagePullPolicy": "IfNotPresent",
        # On a busy machine a pod without a request gets no CPU, and its probe fails.
        "resources": {"requests": {"cpu": "200m"}},
        "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1, "timeoutSeconds": 20},
        **pod.pop("container", {}),
    }
    spec = {"containers": [container], **pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": story.name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": app, "set": name}},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": app, "set": name}}, "spec": spec},
        },
    }


@contextmanager
def advertised(story: Story, *, name: str = "", **spec: Any) -> Iterator[None]:
    """Announce the story's pool by an advertisement with this spec only, or in addition to one that has no `name`.

    The pools of other stories are announced as before.
    """
    pool = story.pool()
    pool["metadata"]["labels"] = {"alone": story.name}
    whole = {"ipAddressPools": [story.name], "peers": [peer["metadata"]["name"] for peer in story.peers()], **spec}
    own = objects.advertisement(story.name + name, **whole)
    story.lab.apply([CATCH_ALL, own, pool])
    try:
        yield
    finally:
        story.lab.delete(own)


def weights(story: Story, prefix: Prefix) -> dict[str, int]:
    """Return the weight of each next hop by which the router's kernel forwards to `prefix`."""
    shown = json.loads(story.network.run(["ip", "-json", f"-{prefix.version}", "route", "show", str(prefix)]).stdout)
    hops = shown[0].get("nexthops", shown) if shown else []
    return {hop["gateway"]: hop.get("weight", 1) for hop in hops}


def wait_weights(story: Story, prefix: Prefix, wanted: Mapping[str, int]) -> None:
    """Return when the router's kernel has these weights for `prefix`."""

    def shared() -> bool:
        found = weights(story, prefix)
        assert found == wanted, f"the kernel has {found}"
        return True

    story.wait(f"the kernel has {wanted} for {prefix}", shared, TIMEOUT)
