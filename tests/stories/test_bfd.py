"""A roll-out of the speaker with BFD: routers see no BFD session go down, whichever way the pods are replaced."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, ip_network

import pytest

from exalb_bgp.rib import Address
from tests.lab import exalb
from tests.lab.cluster import Lab
from tests.lab.routers.router import BfdPeering
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, asking, pods_on, wait_rules
from tests.support.kernel import KernelRoutes
from tests.support.note import Note

pytestmark = [pytest.mark.release, pytest.mark.timeout(900)]
INTERVAL = 300
"""Milliseconds, as a BGPPeer has them by default."""
RATE = 100.0
HERE = f"--namespace={exalb.NAMESPACE}"


@pytest.fixture
def story() -> Iterator[Story]:
    """Return a story in a lab of its own, whose nodes run BFD."""
    lab = Lab(f"o{os.getpid():x}")
    lab.up(2)
    try:
        exalb.install(lab, {"speaker": {"bfd": {"enabled": True}}})
        yield Story.begin(lab)
    finally:
        lab.down()


def _sessions(story: Story) -> dict[Address, BfdPeering]:
    """Return the BFD session of the router with each address of a node."""
    nodes = {address for node in story.lab.nodes for address in node.addresses}
    return {address: session for address, session in story.router.bfd_sessions().items() if address in nodes}


def _are_up(story: Story) -> bool:
    found = _sessions(story)
    assert len(found) == sum(len(node.addresses) for node in story.lab.nodes), found
    assert all(session.up for session in found.values()), found
    return True


def test_roll_out_of_the_speaker_is_not_noticed_by_bfd(story: Story, note: Note) -> None:
    """A pod that is deleted, `rollout restart` and `helm upgrade`: BGP restarts gracefully, and BFD never goes down."""
    story.router.start(*(replace(neighbor, bfd=INTERVAL) for neighbor in story.lab.neighbors))
    story.lab.apply(story.peers(bfd={}, gracefulRestart={"restartTime": 30}))
    for node in story.lab.nodes:
        pods_on(story, node.name, 1)
    story.lab.apply(story.service("web", externalTrafficPolicy="Local"))
    address = IPv4Address(story.wait_addresses("web", seconds=TIMEOUT)[0])
    wait_rules(story, address)
    story.wait("BFD is Up with every node", partial(_are_up, story), TIMEOUT)
    story.wait("both nodes announce", lambda: len(story.routes().get(ip_network(address), ())) == 2, TIMEOUT)
    before, pods = _sessions(story), _pods(story)
    with KernelRoutes(story.network) as kernel, asking(story, address, RATE) as answers:
        for number, roll_out in enumerate((_delete_one, _restart, _upgrade), 1):
            pods = _rolled_out(story, roll_out, pods)
            note(f"BFD sessions down at the router after roll-out {number}", _downs(before, _sessions(story)))
            assert _sessions(story) == before
    answers.note(note, "requests through three roll-outs with BFD")
    moves = [change.time for change in kernel.changes if change.prefix == ip_network(address)]
    assert moves == []


def _downs(before: dict[Address, BfdPeering], after: dict[Address, BfdPeering]) -> int:
    return sum(after[address].changes - session.changes for address, session in before.items() if address in after)


def _rolled_out(story: Story, roll_out: Callable[[Story], None], before: frozenset[str]) -> frozenset[str]:
    """Replace pods, wait until all is whole again, and return the pods of now."""
    roll_out(story)
    story.lab.kubectl("rollout", "status", exalb.WORKLOADS[1], HERE, f"--timeout={TIMEOUT:g}s")
    after = _pods(story)
    assert after != before
    story.wait_sessions(TIMEOUT)
    story.wait("BFD is Up with every node", partial(_are_up, story), TIMEOUT)
    return after


def _pods(story: Story) -> frozenset[str]:
    path = f"/api/v1/namespaces/{exalb.NAMESPACE}/pods"
    return frozenset(pod["metadata"]["uid"] for pod in story.lab.api.items(path, labelSelector=exalb.SPEAKER))


def _delete_one(story: Story) -> None:
    which = (f"--selector={exalb.SPEAKER}", f"--field-selector=spec.nodeName={story.lab.nodes[0].name}")
    story.lab.kubectl("delete", "pods", HERE, *which)


def _restart(story: Story) -> None:
    story.lab.kubectl("rollout", "restart", exalb.WORKLOADS[1], HERE)


def _upgrade(story: Story) -> None:
    mark = "--set-string=speaker.podAnnotations.run=2"
    story.lab.helm("upgrade", exalb.RELEASE, str(exalb.CHART), HERE, "--reuse-values", mark, "--wait", "--timeout=300s")
