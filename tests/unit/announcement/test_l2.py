"""Which nodes may announce an address on their LAN, and in which order: the same on every node."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from exalb.announcement.drain import DrainPolicy
from exalb.announcement.eligibility import EXCLUDED
from exalb.announcement.l2 import L2Plan, L2Planner
from exalb.announcement.l2_goal import goal_of
from exalb.api.reasons import Reason
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster, Key, ServiceFamily
from exalb.model.local_node import DataPlane, LocalNode
from exalb.validation.rules import validate
from exalb_bgp.session import Family
from tests.support import objects
from tests.support.objects import Object, assigned_service, condition, endpoint, endpoints, l2_speaker, node, pool

WEB, OTHER = "10.0.0.100", "10.0.0.101"
NOT_READY = {"status": "Unknown", "message": ""}


def cluster_of(*more: Object, nodes: int = 3, **service: Any) -> Cluster:
    """Return a cluster with a Service at WEB and nodes on the LAN 10.0.0.0/24; objects of `more` replace others."""
    raw: list[Object] = [
        pool("lan", "10.0.0.100-10.0.0.250"),
        objects.l2_advertisement(),
        assigned_service("web", WEB, **service),
        endpoints("web", endpoint(on="n1")),
    ]
    for number in range(1, nodes + 1):
        raw += [node(f"n{number}", f"10.0.0.{number}"), l2_speaker(f"n{number}", f"10.0.0.{number}/24")]
    found = {(one["kind"], one["metadata"]["name"]): one for one in (*raw, *more)}
    cluster, malformed = snapshot_of(list(found.values()), "exalb-system")
    assert not malformed
    return cluster


def plan_of(cluster: Cluster, policy: DrainPolicy | None = None) -> L2Plan:
    return L2Planner(policy or DrainPolicy()).plan(cluster, validate(cluster))


def candidates(cluster: Cluster, address: str = WEB) -> tuple[str, ...]:
    return plan_of(cluster).addresses[ip_address(address)].candidates


def reason(cluster: Cluster) -> Reason | None:
    refusal = plan_of(cluster).addresses[ip_address(WEB)].refusal
    return refusal.reason if refusal else None


ORDER = candidates(cluster_of())


def test_all_nodes_on_the_lan_are_candidates() -> None:
    assert sorted(ORDER) == ["n1", "n2", "n3"]


@pytest.mark.parametrize(
    "change",
    {
        "excluded": node(ORDER[0], "10.0.0.1", **{EXCLUDED: ""}),
        "drained": node(ORDER[0], "10.0.0.1", annotations={"exalb.io/drain": "true"}),
        "network": node(ORDER[0], "10.0.0.1", unavailable="True"),
        "shutdown": node(ORDER[0], "10.0.0.1", ready={"status": "False", "message": "node is shutting down"}),
        "other LAN": l2_speaker(ORDER[0], "192.0.2.1/24"),
        "address is its own": node(ORDER[0], WEB),
        "without L2": {"apiVersion": "exalb.io/v1beta1", "kind": "BGPSpeaker", "metadata": {"name": ORDER[0]}},
    }.values(),
)
def test_node_is_no_candidate(change: Object) -> None:
    assert candidates(cluster_of(change)) == ORDER[1:]


@pytest.mark.parametrize(
    "change",
    {
        "not ready": node(ORDER[0], "10.0.0.1", ready=NOT_READY),
        "data plane": l2_speaker(
            ORDER[0], "10.0.0.1/24", conditions=[condition("DataPlaneHealthy", "False", "DataPlaneDown", "")]
        ),
    }.values(),
)
def test_node_comes_last(change: Object) -> None:
    assert candidates(cluster_of(change)) == (*ORDER[1:], ORDER[0])


def test_drained_node_stays_where_no_other_can() -> None:
    drained = node("n1", "10.0.0.1", annotations={"exalb.io/drain": "true"})
    assert candidates(cluster_of(drained, nodes=1)) == ("n1",)
    forced = node("n1", "10.0.0.1", annotations={"exalb.io/drain": "force"})
    assert reason(cluster_of(forced, nodes=1)) is Reason.NODE_DRAINING


def test_local_traffic_needs_an_endpoint_of_the_node() -> None:
    local: Any = {"externalTrafficPolicy": "Local"}
    two = endpoints("web", endpoint("10.88.1.2", on="n1"), endpoint("10.88.2.2", on="n2"))
    assert sorted(candidates(cluster_of(two, **local))) == ["n1", "n2"]
    leaving = endpoint("10.88.1.2", on="n1", ready=False, serving=True, terminating=True)
    for_n2 = endpoints("web", leaving, endpoint("10.88.2.2", on="n2"))
    assert candidates(cluster_of(for_n2, **local)) == ("n2", "n1")


def test_reasons() -> None:
    none = endpoints("web", endpoint(on="n1", ready=False))
    assert reason(cluster_of(none)) is Reason.NO_READY_ENDPOINTS
    assert reason(cluster_of(objects.l2_advertisement(interfaces=["eth7"]))) is Reason.NO_INTERFACE
    nowhere = objects.l2_advertisement(nodeSelectors=[{"matchLabels": {"rack": "x"}}])
    assert reason(cluster_of(nowhere)) is Reason.NO_INTERFACE
    assert reason(cluster_of(nodes=0)) is Reason.L2_NOT_RUNNING


@pytest.mark.parametrize(
    "spec",
    [
        {"ipAddressPools": ["other"]},
        {"serviceSelectors": [{"matchLabels": {"app": "x"}}]},
        {"ipAddressPoolSelectors": [{"matchLabels": {"tier": "x"}}]},
    ],
)
def test_address_that_is_not_selected_is_no_matter_of_l2(spec: Any) -> None:
    assert plan_of(cluster_of(objects.l2_advertisement(**spec))).addresses == {}


def test_named_interface_needs_no_subnet() -> None:
    cluster = cluster_of(objects.l2_advertisement(interfaces=["eth0"]), l2_speaker("n1", "192.0.2.1/24"))
    assert sorted(candidates(cluster)) == ["n1", "n2", "n3"]
    goal = goal_of(plan_of(cluster), cluster, "n1")
    assert goal.addresses[ip_address(WEB)].interfaces == ("eth0",)


def test_goal_has_the_first_candidates_and_the_node_itself() -> None:
    cluster = cluster_of(nodes=9)
    order = candidates(cluster)
    for name, wanted in ((order[0], order[:4]), (order[8], (*order[:4], order[8]))):
        goal = goal_of(plan_of(cluster), cluster, name)
        assert goal.addresses[ip_address(WEB)].candidates == wanted
        assert set(goal.nodes) == set(wanted)


def test_node_that_may_not_announce_declines() -> None:
    cluster = cluster_of()
    down = replace(cluster, host=replace(cluster.host, data_plane=DataPlane.DOWN, why="x"))
    assert declines(down)
    assert not declines(cluster)


def declines(cluster: Cluster, node: str = "n1") -> bool:
    """Return whether the L2 process of a node is told to leave WEB to others."""
    return goal_of(plan_of(cluster), cluster, node).addresses[ip_address(WEB)].declined


LOCAL: Any = {"externalTrafficPolicy": "Local", "healthCheckNodePort": 30100}
KEY = (Key("default", "web"), Family.IPV4)
LEAVING = endpoint("10.88.1.9", ready=False, serving=True, terminating=True)


@pytest.mark.parametrize(
    ("cluster", "programmed", "waits"),
    [
        pytest.param(cluster_of(**LOCAL), {}, True, id="not-said-yet"),
        pytest.param(cluster_of(**LOCAL), {KEY: 30100}, False, id="said"),
        pytest.param(cluster_of(**LOCAL), {KEY: 30101}, True, id="said-on-an-old-port"),
        pytest.param(cluster_of(**LOCAL), None, False, id="nobody-asks"),
        pytest.param(cluster_of(), {}, False, id="policy-cluster"),
        pytest.param(cluster_of(endpoints("web", endpoint(), LEAVING), **LOCAL), {}, False, id="one-still-serves"),
        pytest.param(
            cluster_of(assigned_service("other", WEB), endpoints("other", endpoint()), **LOCAL),
            {},
            False,
            id="another-service-of-the-address-is-served",
        ),
        pytest.param(
            cluster_of(assigned_service("other", WEB), endpoints("other", endpoint(ready=False)), **LOCAL),
            {},
            True,
            id="another-service-of-the-address-is-not",
        ),
    ],
)
def test_new_local_endpoint_waits_for_kube_proxy(
    cluster: Cluster, programmed: dict[ServiceFamily, int] | None, waits: bool
) -> None:
    up = replace(cluster, programmed=programmed, host=LocalNode(data_plane=DataPlane.UP))
    assert declines(up) is waits
    assert not declines(replace(up, host=LocalNode(data_plane=DataPlane.NOT_MONITORED))), "there is no kube-proxy"


def test_planner_with_a_memory_says_the_same() -> None:
    planner = L2Planner(DrainPolicy())
    gone = endpoints("web", endpoint(on="n1", ready=False))
    moved = cluster_of(assigned_service("web", OTHER))
    for cluster in (
        cluster_of(),
        moved,
        cluster_of(gone),
        cluster_of(nodes=2),
        Cluster(),
        cluster_of(nodes=4),
        cluster_of(),
    ):
        assert planner.plan(cluster, validate(cluster)) == plan_of(cluster)


def test_addresses_are_spread() -> None:
    services = [assigned_service(f"s{n}", f"10.0.0.{n}") for n in range(101, 250)]
    ends = [endpoints(f"s{n}", endpoint(on="n1")) for n in range(101, 250)]
    cluster = cluster_of(*services, *ends, nodes=4)
    counts = [planned.candidates[0] for planned in plan_of(cluster).addresses.values()]
    assert min(counts.count(f"n{number}") for number in range(1, 5)) > 20


def test_plan_without_a_change_is_the_same_object() -> None:
    planner, cluster = L2Planner(DrainPolicy()), cluster_of()
    rules = validate(cluster)
    assert planner.plan(cluster, rules) is planner.plan(cluster, rules)


def test_service_that_loses_its_address_leaves_the_plan() -> None:
    planner, without = L2Planner(DrainPolicy()), objects.service("web")
    for cluster, wanted in ((cluster_of(), 1), (cluster_of(without), 0)):
        assert len(planner.plan(cluster, validate(cluster)).addresses) == wanted


def test_address_of_no_pool_is_not_planned() -> None:
    assert plan_of(cluster_of(assigned_service("web", "10.0.1.1"))).addresses == {}


def test_node_that_is_no_candidate_has_no_goal() -> None:
    cluster = cluster_of(l2_speaker("n1", "192.0.2.1/24"))
    assert goal_of(plan_of(cluster), cluster, "n1").addresses == {}
    assert goal_of(plan_of(cluster), replace(cluster, nodes={}), "n1").addresses == {}


def test_interface_that_cannot_be_read_is_none() -> None:
    assert sorted(candidates(cluster_of(l2_speaker("n1", "nonsense")))) == ["n2", "n3"]


@pytest.mark.parametrize(
    ("keeps_reports", "words"),
    [
        pytest.param(False, "a plan needs them", id="manifests-of-a-repository-do-not-say-where-L2-runs"),
        pytest.param(True, "speaker.l2.enabled", id="L2-is-off"),
    ],
)
def test_l2_that_runs_nowhere(keeps_reports: bool, words: str) -> None:
    cluster = cluster_of()
    off = {
        name: replace(report, observed=report.observed.model_copy(update={"l2": None}))
        for name, report in cluster.speakers.items()
        if keeps_reports
    }
    refusal = plan_of(replace(cluster, speakers=off)).addresses[ip_address(WEB)].refusal
    assert refusal
    assert refusal.reason is Reason.L2_NOT_RUNNING
    assert words in refusal.message


@pytest.mark.parametrize(
    ("spec", "planned"),
    [
        pytest.param({"serviceAllocation": {"namespaces": ["team"]}}, False, id="pool-of-others"),
        pytest.param({"reservations": [{"address": WEB, "namespace": "team"}]}, False, id="reserved-for-others"),
        pytest.param({"reservations": [{"address": WEB, "namespace": "default"}]}, True, id="reserved-for-it"),
    ],
)
def test_address_that_the_service_may_not_have_is_announced_by_no_node(spec: Object, planned: bool) -> None:
    found = plan_of(cluster_of(pool("lan", "10.0.0.100-10.0.0.250", **spec))).addresses
    assert (ip_address(WEB) in found) is planned
