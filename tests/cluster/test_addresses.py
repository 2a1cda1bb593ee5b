"""Addresses on a real API server: who gets which, what is said of it, and what it costs in writes."""

from collections.abc import Iterator

import pytest

from tests.lab import layout, wait
from tests.lab.cluster import Lab
from tests.lab.nodeconfig import API_PORT
from tests.support.kubernetes.addressing import SECONDS, Addressing
from tests.support.kubernetes.gate import Gate
from tests.support.kubernetes.programs import Programs
from tests.support.kubernetes.world import World

RFC5737 = "198.51.100.0/24"
PAIR = ("198.51.100.0/29", "2001:db8:100::/64")
LEASES = "default"
GIVER = "giver"


@pytest.fixture(scope="module")
def giver(cluster: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the name of a controller that leads through all stories here."""
    address = str(layout.on_fabric(layout.CONTROL_PLANE)[0].ip)
    with (
        Gate(cluster.control_plane.namespace, address, API_PORT) as gate,
        Programs(cluster, tmp_path_factory.mktemp(GIVER)).ended() as programs,
    ):
        program = programs.controller(GIVER, gate.url, LEASES)
        program.wait_leads(seconds=60)
        yield program.user
        program.end()


@pytest.fixture
def story(giver: str, world: World) -> Addressing:
    """Return a story's pools and Services, and the controller that gives addresses."""
    return Addressing(world, giver)


def test_lowest_free_address_costs_one_write(story: Addressing) -> None:
    story.pool("main", RFC5737, avoidBuggyIPs=True)
    for name in ("a", "b", "c"):
        story.service(name)
    story.expect("a", "198.51.100.1", says="main")
    story.expect("b", "198.51.100.2")
    story.expect("c", "198.51.100.3")
    story.costs(a="Assigned", b="Assigned", c="Assigned")
    story.delete("b")
    story.service("d")
    story.expect("d", "198.51.100.2")
    story.costs(d="Assigned")


def test_requests_are_fulfilled_in_place(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.pool("edge", "203.0.113.0/29", autoAssign=False)
    story.service("web", annotations={"addresses": "198.51.100.9"})
    story.expect("web", "198.51.100.9")
    story.change("web", annotations={"addresses": "198.51.100.10"})
    story.expect("web", "198.51.100.10")
    story.expect_note("web", "released 198.51.100.9")
    story.change("web", annotations={"addresses": None, "pool": "edge"})
    story.expect("web", "203.0.113.0", says="edge")
    story.costs(web="Assigned Assigned Assigned")
    story.change("web", annotations={"pool": None})
    story.expect("web", "203.0.113.0")
    story.costs()


def test_load_balancer_ip_is_a_request_too(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("web", loadBalancerIP="198.51.100.7")
    story.expect("web", "198.51.100.7")
    story.change("web", annotations={"addresses": "198.51.100.8"})
    story.expect("web", "198.51.100.7", "ContradictoryRequest", says="spec.loadBalancerIP")
    story.costs(web="Assigned ContradictoryRequest")


def test_unavailable_address_is_reported_once_and_releases_nothing(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("first", annotations={"addresses": "198.51.100.5"})
    story.expect("first", "198.51.100.5")
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.change("web", annotations={"addresses": "198.51.100.5"})
    story.expect("web", "198.51.100.0", "AddressInUse", says=f"{story.world.namespace}/first")
    story.change("web", annotations={"addresses": "192.0.2.1"})
    story.expect("web", "198.51.100.0", "AddressNotInPool", says="192.0.2.1")
    story.costs(first="Assigned", web="Assigned AddressInUse AddressNotInPool")
    story.service("stranger")  # rounds for other Services repeat nothing
    story.expect("stranger", "198.51.100.1")
    story.costs(stranger="Assigned")


def test_unknown_annotation_is_reported_once_and_releases_nothing(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.change("web", annotations={"adresses": "198.51.100.9"})
    remark = "unknown annotation exalb.io/adresses: did you mean exalb.io/addresses?"
    wait.until("the Service has the remark", lambda: story.remarked("web") == remark, seconds=SECONDS)
    story.expect("web", "198.51.100.0")
    story.expect_note("web", remark)
    story.costs(web="Assigned UnknownAnnotation")
    story.change("web", annotations={"adresses": None, "addresses": "198.51.100.9"})
    story.expect("web", "198.51.100.9")
    assert not story.remarked("web")
    story.costs(web="Assigned")


def test_pools_select_services(story: Addressing) -> None:
    gold = {"matchLabels": {"tier": "gold"}}
    story.pool("open", RFC5737)
    story.pool("gold", "203.0.113.0/29", serviceAllocation={"priority": 10, "serviceSelectors": [gold]})
    story.pool("elsewhere", "192.0.2.0/29", serviceAllocation={"priority": 1, "namespaces": ["elsewhere"]})
    story.service("gold", labels={"tier": "gold"})
    story.service("plain")
    story.service("nosy", annotations={"pool": "elsewhere"})
    story.expect("gold", "203.0.113.0")
    story.expect("plain", "198.51.100.0")
    story.expect("nosy", "", "PoolNotAllowed", says="elsewhere")
    story.costs(gold="Assigned", plain="Assigned", nosy="PoolNotAllowed")


def test_two_families(story: Addressing) -> None:
    story.pool("main", *PAIR)
    story.service("both", ipFamilyPolicy="RequireDualStack", ipFamilies=["IPv6", "IPv4"])
    story.expect("both", "2001:db8:100:: 198.51.100.0", says="main")
    story.service("six", ipFamilies=["IPv6"])
    story.expect("six", "2001:db8:100::1")
    story.service("grows")
    story.expect("grows", "198.51.100.1")
    story.change("grows", ipFamilyPolicy="PreferDualStack")
    story.expect("grows", "198.51.100.1 2001:db8:100::2")
    story.change("grows", ipFamilyPolicy="SingleStack", ipFamilies=["IPv4"], clusterIPs=None)
    story.expect("grows", "198.51.100.1")
    story.costs(both="Assigned", six="Assigned", grows="Assigned Assigned Assigned")


def test_both_families_or_none(story: Addressing) -> None:
    story.pool("four", "198.51.100.0/29")
    story.pool("six", "2001:db8:100::/64")
    story.service("must", ipFamilyPolicy="RequireDualStack")
    story.expect("must", "", "FamilyNotAvailable", says="IPv6")
    story.service("may", ipFamilyPolicy="PreferDualStack")
    story.expect("may", "198.51.100.0")
    story.pool("main", "203.0.113.0/29", "2001:db8:200::/64")
    story.expect("must", "203.0.113.0 2001:db8:200::")
    story.costs(must="FamilyNotAvailable Assigned", may="Assigned")


def test_sharing(story: Addressing) -> None:
    story.pool("main", RFC5737)
    key = {"sharing_key": "k"}
    story.service("dns-tcp", annotations=key, ports=[{"port": 53, "protocol": "TCP"}])
    story.service("dns-udp", annotations=key, ports=[{"port": 53, "protocol": "UDP"}])
    story.expect("dns-tcp", "198.51.100.0")
    story.expect("dns-udp", "198.51.100.0")
    at = {"addresses": "198.51.100.0"}
    where = f"{story.world.namespace}/dns-"
    story.service("late", annotations={**key, **at}, ports=[{"port": 53, "protocol": "TCP"}])
    story.expect("late", "", "SharingConflict", says=f"{where}tcp")
    story.service("other", annotations={"sharing_key": "other", **at}, ports=[{"port": 54}])
    story.expect("other", "", "SharingConflict", says=f"{where}tcp")
    story.service("alone", annotations=at, ports=[{"port": 55}])
    story.expect("alone", "", "AddressInUse", says=f"{where}tcp")
    story.costs(
        dns_tcp="Assigned", dns_udp="Assigned", late="SharingConflict", other="SharingConflict", alone="AddressInUse"
    )
    story.change("late", ports=[{"port": 56, "protocol": "TCP"}])
    story.expect("late", "198.51.100.0")
    story.costs(late="Assigned")
    story.change("dns-udp", annotations={"sharing_key": None})  # conflict: the older keeps the address
    story.expect("dns-udp", "198.51.100.1")
    story.expect_note("dns-udp", "released 198.51.100.0: 198.51.100.0 is in use by")
    story.costs(dns_udp="Assigned")


def test_service_of_another_class_is_not_changed(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("theirs", loadBalancerClass="example.com/cloud")
    story.service("ours", loadBalancerClass="exalb.io/bgp")
    story.expect("ours", "198.51.100.0")
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.1", "ipMode": "VIP"}]}}}
    story.world.change(f"{story.world.services}/theirs/status", status)
    story.service("next")
    story.expect("next", "198.51.100.2")  # an address of another controller is in use
    story.expect("theirs", "198.51.100.1", None)
    story.costs(ours="Assigned", next="Assigned")


def test_service_of_another_type_or_class_releases_its_address(story: Addressing) -> None:
    story.pool("main", "198.51.100.0/32")
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.service("waits")
    story.expect("waits", "", "PoolExhausted", says="main")
    story.change("web", type="ClusterIP")
    story.expect("waits", "198.51.100.0")
    story.expect("web", "", None)
    story.costs(web="Assigned Released", waits="PoolExhausted Assigned")
    story.change("web", type="LoadBalancer", loadBalancerClass="example.com/cloud")
    story.costs()
    assert story.outcome("web") == ("", None)


def test_address_of_the_cluster_is_not_assigned(story: Addressing) -> None:
    story.world.node("machine", "10.77.0.200")
    story.pool("near", "10.77.0.200/31")
    assert story.judged("near") == "PoolContainsNodeAddress"
    story.service("web")
    story.expect("web", "10.77.0.201")
    story.pool("within", "10.96.255.0-10.97.0.0")
    assert story.judged("within") == "PoolContainsClusterIPs"
    story.service("next", annotations={"pool": "within"})
    story.expect("next", "10.97.0.0")
    story.costs(web="Assigned", next="Assigned")


def test_address_of_a_new_router_is_released(story: Addressing) -> None:
    story.pool("near", "203.0.113.0/31")
    story.service("web", annotations={"addresses": "203.0.113.0"})
    story.expect("web", "203.0.113.0")
    router = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.0"}
    story.world.custom("bgppeers", "BGPPeer", "tor", router)
    story.expect("web", "", "AddressInUse", says="BGPPeer tor")
    story.expect_note("web", "released 203.0.113.0")
    wait.until(
        "the pool is not effective",
        lambda: story.judged("near", "Effective") == "PoolContainsPeerAddress",
        seconds=SECONDS,
    )
    assert story.judged("near") == "Accepted"
    story.change("web", annotations={"addresses": None})
    story.expect("web", "203.0.113.1")
    story.costs(web="Assigned AddressInUse Assigned")


def test_annotation_without_effect_is_reported_until_it_has_one(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("web", annotations={"med": "5"})
    story.expect("web", "198.51.100.0")
    remark = "exalb.io/med has no effect: "
    wait.until("the Service has the remark", lambda: story.remarked("web").startswith(remark), seconds=SECONDS)
    story.world.custom("bgpadvertisements", "BGPAdvertisement", "open", {"allowServiceOverrides": True})
    wait.until("the Service has no remark", lambda: not story.remarked("web"), seconds=SECONDS)
    story.costs(web="AnnotationWithoutEffect", quiet=1)


def test_released_address_is_assigned_to_the_oldest_waiting_service(story: Addressing) -> None:
    story.pool("main", "198.51.100.0/32")
    story.service("holder")
    story.expect("holder", "198.51.100.0")
    story.service("z-first")
    story.expect("z-first", "", "PoolExhausted")
    story.pass_a_second()
    story.service("a-second")
    story.expect("a-second", "", "PoolExhausted")
    story.delete("holder")
    story.expect("z-first", "198.51.100.0")
    story.delete("z-first")
    story.expect("a-second", "198.51.100.0")
    story.costs(holder="Assigned", z_first="PoolExhausted Assigned", a_second="PoolExhausted Assigned")


def test_new_pool_serves_waiting_services(story: Addressing) -> None:
    story.service("web")
    story.expect("web", "", "NoMatchingPool")
    story.service("six", ipFamilies=["IPv6"])
    story.expect("six", "", "NoMatchingPool")
    story.pool("four", "198.51.100.0/29")
    story.expect("web", "198.51.100.0")
    story.expect("six", "", "FamilyNotAvailable", says="IPv6")
    story.pool("six", "2001:db8:100::/64")
    story.expect("six", "2001:db8:100::")
    story.costs(web="NoMatchingPool Assigned", six="NoMatchingPool FamilyNotAvailable Assigned")


def test_changed_pool_serves_waiting_services(story: Addressing) -> None:
    story.pool("main", "198.51.100.0/32", disabled=True)
    story.service("first")
    story.expect("first", "", "PoolDisabled")
    story.change_pool("main", disabled=False)
    story.expect("first", "198.51.100.0")
    story.service("second")
    story.expect("second", "", "PoolExhausted")
    story.change_pool("main", addresses=["198.51.100.0/30"], quotaPerNamespace=1)
    story.expect("second", "", "QuotaExceeded", says=story.world.namespace)
    story.change_pool("main", quotaPerNamespace=2)
    story.expect("second", "198.51.100.1")
    story.costs(first="PoolDisabled Assigned", second="PoolExhausted QuotaExceeded Assigned")


def test_reserved_address_is_kept_for_its_service(story: Addressing) -> None:
    mine = [{"address": "198.51.100.0", "namespace": story.world.namespace, "service": "web"}]
    story.pool("main", "198.51.100.0/31", reservations=mine)
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.delete("web")
    story.service("other")
    story.expect("other", "198.51.100.1")
    story.service("more")
    story.expect("more", "", "PoolExhausted", says="reserved")
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.costs(
        web="Assigned Assigned", other="Assigned", more="PoolExhausted", quiet=1
    )  # the message of "more" counts fuller pools
