"""Weighted ECMP: connections are shared out by how many pods each node has, so that every pod has its fair share."""

from ipaddress import ip_address, ip_network

import pytest

from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT, Answers, advertised, ask, pods_on, wait_rules, wait_weights
from tests.support.note import Note

PODS = 4
"""One on the first node, three on the second."""
TOLERANCE = 0.10
"""Of a pod's fair share."""
CONNECTIONS = 12_000
"""The pod of a connection is random: a pod's share of so many has a standard deviation of √(3/12000) = 1.6 % of it,
so three of them are less than half of the tolerance."""
UNWEIGHTED = 3_000
"""Enough to distinguish a share of 2 from one of 1.8: the standard deviation is √(4/3000) = 3.7 %."""


def _shares(answers: Answers, connections: int) -> list[float]:
    """Return each pod's part of its fair share, the lowest first."""
    assert not answers.failures
    assert answers.total == connections
    return sorted(count * PODS / connections for count in answers.by_pod.values())


@pytest.mark.release
def test_pods_have_fair_shares_of_connections(story: Story, note: Note) -> None:
    """With `weight: Endpoints` every pod is within a tenth of it; without, the lone pod has twice as much."""
    for node, pods in zip(story.lab.nodes, (1, 3), strict=True):
        pods_on(story, node.name, pods)
    story.lab.apply(story.service("web", externalTrafficPolicy="Local", ipFamilyPolicy="RequireDualStack"))
    given = story.wait_addresses("web", 2, seconds=TIMEOUT)
    four, six = sorted(map(ip_address, given), key=lambda address: address.version)
    wait_rules(story, four)
    hops = {family: [str(node.addresses[family]) for node in story.lab.nodes] for family in (0, 1)}
    with advertised(story):
        wait_weights(story, ip_network(four), dict.fromkeys(hops[0], 1))
        plain = _shares(ask(story, four, UNWEIGHTED), UNWEIGHTED)
    with advertised(story, weight="Endpoints"):
        wait_weights(story, ip_network(four), dict(zip(hops[0], (25, 75), strict=True)))
        wait_weights(story, ip_network(six), dict(zip(hops[1], (25, 75), strict=True)))
        weighted = _shares(ask(story, four, CONNECTIONS), CONNECTIONS)
        pods_on(story, story.lab.nodes[0].name, 3)
        wait_weights(story, ip_network(four), dict.fromkeys(hops[0], 50))
    note("shares without weight", [round(share, 3) for share in plain])
    note("shares with weight", [round(share, 3) for share in weighted])
    assert plain[-1] > 1.8
    assert len(weighted) == PODS
    assert weighted[0] > 1 - TOLERANCE
    assert weighted[-1] < 1 + TOLERANCE
