"""One node with an engine, and FRR as its router: where broken sessions and other speakers are staged.

A node's own functions plan its sessions, ExaBGP opens them to FRR, the speaker's report is made from what ExaBGP says,
and `explain` reads that report.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

import pytest

from exalb.explain.answer import Answer
from exalb.explain.observed import Observed
from exalb.explain.subject import explain
from exalb.kube.manifests import snapshot_of
from exalb.report.speaker import speaker_changes
from exalb.runtime.times import time_text
from exalb_bgp.speaker import Speaker
from tests.lab.network import Namespace, attach, bridge
from tests.lab.routers.frr import Frr
from tests.lab.routers.router import Neighbor
from tests.support.decisions import plan_of
from tests.support.engine.rig import Engine
from tests.support.objects import Object, assigned_service, endpoint, endpoints, node, peer, pool
from tests.support.observing import LEADS, observed

NODE, ROUTER = IPv4Address("203.0.113.11"), IPv4Address("203.0.113.1")
NEIGHBOR = Neighbor(NODE, 64512, hold_time=3)


@dataclass
class Rack:
    """A node n1 with an engine, and a router; the BGPPeer `tor` is the session between them."""

    lab: str
    node: Namespace = field(init=False)
    router: Frr = field(init=False)
    engine: Engine = field(init=False)
    objects: list[Object] = field(default_factory=list)
    undo: Callable[[], None] = lambda: None
    """Ends what a test did to the node's processes."""

    def build(self) -> None:
        """Connect the namespaces and start the programs."""
        switch = bridge(Namespace.create(self.lab, "fabric"))
        self.node, namespace = Namespace.create(self.lab, "n1"), Namespace.create(self.lab, "frr", forwarding=True)
        for place, address in ((self.node, NODE), (namespace, ROUTER)):
            attach(switch, place)
            place.address("eth0", IPv4Interface(f"{address}/24"))
        self.router, self.engine = Frr(namespace, 64513, ROUTER), Engine(self.node)
        self.engine.start()

    def wants(self, *more: Object, **spec: Any) -> None:
        """Have the node announce one Service to a BGPPeer with this spec, and what `more` adds."""
        self.objects = [
            pool("main", "198.51.100.0/24"),
            peer("tor", holdTime="3s", **spec),
            node("n1", str(NODE)),
            assigned_service("shop/web", "198.51.100.1"),
            endpoints("shop/web", endpoint("10.88.1.2", "n1")),
            *more,
        ]
        self.engine.apply(self.plan.speaker)

    @property
    def cluster(self) -> Any:
        """The cluster before the speaker reports."""
        found, malformed = snapshot_of(self.objects, "exalb-system")
        assert not malformed
        return found

    @property
    def plan(self) -> Any:
        """The plan of the node's speaker."""
        return plan_of("n1", self.cluster)

    def answer(self, subject: str = "service/shop/web") -> Answer:
        """Return the answer to a person who asks now."""
        return explain(self.seen(), subject, "default")

    def seen(self) -> Observed:
        """Return the cluster as a person sees it now."""
        now = datetime.now(UTC)
        [write] = speaker_changes(self.cluster, self.plan, self.engine.status, time_text(now)).writes
        report = {"apiVersion": "exalb.io/v1beta1", "kind": "BGPSpeaker", "metadata": {"name": "n1"}, **write.body}
        return replace(observed(*self.objects, report), now=now, lease=LEADS._replace(renewed=now))

    def well(self) -> bool:
        """Whether nothing is broken."""
        found = self.answer()
        assert found.first_broken is None, found
        return True


@pytest.fixture(scope="module")
def built(lab: str) -> Iterator[Rack]:
    """Build the rack once for this file."""
    made = Rack(lab)
    made.build()
    try:
        yield made
    finally:
        made.engine.stop()


@pytest.fixture
def rack(built: Rack) -> Iterator[Rack]:
    """Return a rack without sessions, whose router has no neighbor; after the test all is as before."""
    built.engine.apply(Speaker({}, {}))
    built.engine.settle(seconds=60)
    built.router.start()
    built.undo = lambda: None
    try:
        yield built
    finally:
        built.undo()
        built.router.namespace.run(["nft", "flush", "ruleset"])
        built.router.namespace.ip("link set eth0 up")
        built.router.stop()
