"""Addresses on a real API server: who gets which, what is said of it, and what it costs in writes."""

from collections.abc import Iterator

import pytest

from tests.cluster.addressing import SECONDS, Addressing
from tests.cluster.gate import Gate
from tests.cluster.programs import Programs
from tests.cluster.world import World
from tests.lab import layout, wait
from tests.lab.cluster import Lab
from tests.lab.nodeconfig import API_PORT

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
        program.wait_says("leading", seconds=60)
        yield program.user
        program.end()


@pytest.fixture
def story(giver: str, world: World) -> Addressing:
    """Return a story's pools and Services, and the controller that gives addresses."""
    return Addressing(world, giver)


def test_the_lowest_free_address_for_one_write(story: Addressing) -> None:
    story.pool("main", RFC5737, avoidBuggyIPs=True)
    for name in ("a", "b", "c"):
        story.service(name)
    story.expect("a", "198.51.100.1", says="198.51.100.1 from pool main")
    story.expect("b", "198.51.100.2")
    story.expect("c", "198.51.100.3")
    story.costs(a="Assigned", b="Assigned", c="Assigned")
    story.delete("b")
    story.service("d")
    story.expect("d", "198.51.100.2")
    story.costs(d="Assigned")


def test_wishes_are_honoured_in_place(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.pool("edge", "203.0.113.0/29", autoAssign=False)
    story.service("web", wishes={"addresses": "198.51.100.9"})
    story.expect("web", "198.51.100.9")
    story.change("web", wishes={"addresses": "198.51.100.10"})
    story.expect("web", "198.51.100.10")
    story.expect_note("web", "gave back 198.51.100.9")
    story.change("web", wishes={"addresses": None, "pool": "edge"})
    story.expect("web", "203.0.113.0", says="from pool edge")
    story.costs(web="Assigned Assigned Assigned")
    story.change("web", wishes={"pool": None})
    story.expect("web", "203.0.113.0")
    story.costs()


def test_the_field_of_old_is_a_wish_too(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("web", loadBalancerIP="198.51.100.7")
    story.expect("web", "198.51.100.7")
    story.change("web", wishes={"addresses": "198.51.100.8"})
    story.expect("web", "198.51.100.7", "ContradictoryRequest", says="spec.loadBalancerIP")
    story.costs(web="Assigned ContradictoryRequest")


def test_what_cannot_be_had_is_said_once_and_takes_nothing_away(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("first", wishes={"addresses": "198.51.100.5"})
    story.expect("first", "198.51.100.5")
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.change("web", wishes={"addresses": "198.51.100.5"})
    story.expect("web", "198.51.100.0", "AddressInUse", says=f"held by {story.world.namespace}/first; keeps")
    story.change("web", wishes={"addresses": "192.0.2.1"})
    story.expect("web", "198.51.100.0", "AddressNotInPool", says="192.0.2.1 is in no pool")
    story.costs(first="Assigned", web="Assigned AddressInUse AddressNotInPool")
    story.service("stranger")  # many rounds for others repeat nothing
    story.expect("stranger", "198.51.100.1")
    story.costs(stranger="Assigned")


def test_an_annotation_that_nobody_reads_is_told_once_and_takes_nothing_away(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.change("web", wishes={"adresses": "198.51.100.9"})
    told = "exalb.io/adresses is no annotation that ExaLB reads: did you mean exalb.io/addresses?"
    wait.until("the Service is told", lambda: story.remarked("web") == told, seconds=SECONDS)
    story.expect("web", "198.51.100.0")
    story.expect_note("web", told)
    story.costs(web="Assigned UnknownAnnotation")
    story.change("web", wishes={"adresses": None, "addresses": "198.51.100.9"})
    story.expect("web", "198.51.100.9")
    assert not story.remarked("web")
    story.costs(web="Assigned")


def test_pools_choose_whom_they_serve(story: Addressing) -> None:
    gold = {"matchLabels": {"tier": "gold"}}
    story.pool("open", RFC5737)
    story.pool("gold", "203.0.113.0/29", serviceAllocation={"priority": 10, "serviceSelectors": [gold]})
    story.pool("elsewhere", "192.0.2.0/29", serviceAllocation={"priority": 1, "namespaces": ["elsewhere"]})
    story.service("gold", labels={"tier": "gold"})
    story.service("plain")
    story.service("nosy", wishes={"pool": "elsewhere"})
    story.expect("gold", "203.0.113.0")
    story.expect("plain", "198.51.100.0")
    story.expect("nosy", "", "PoolNotAllowed", says="pool elsewhere does not serve")
    story.costs(gold="Assigned", plain="Assigned", nosy="PoolNotAllowed")


def test_two_families(story: Addressing) -> None:
    story.pool("main", *PAIR)
    story.service("both", ipFamilyPolicy="RequireDualStack", ipFamilies=["IPv6", "IPv4"])
    story.expect("both", "2001:db8:100:: 198.51.100.0", says="2001:db8:100:: and 198.51.100.0 from pool main")
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
    story.expect("must", "", "FamilyNotAvailable", says="pool four has no IPv6 addresses")
    story.service("may", ipFamilyPolicy="PreferDualStack")
    story.expect("may", "198.51.100.0")
    story.pool("main", "203.0.113.0/29", "2001:db8:200::/64")
    story.expect("must", "203.0.113.0 2001:db8:200::")
    story.costs(must="FamilyNotAvailable Assigned", may="Assigned")


def test_sharing(story: Addressing) -> None:
    story.pool("main", RFC5737)
    key = {"sharing_key": "k"}
    story.service("dns-tcp", wishes=key, ports=[{"port": 53, "protocol": "TCP"}])
    story.service("dns-udp", wishes=key, ports=[{"port": 53, "protocol": "UDP"}])
    story.expect("dns-tcp", "198.51.100.0")
    story.expect("dns-udp", "198.51.100.0")
    at = {"addresses": "198.51.100.0"}
    where = f"{story.world.namespace}/dns-"
    story.service("late", wishes={**key, **at}, ports=[{"port": 53, "protocol": "TCP"}])
    story.expect("late", "", "SharingConflict", says=f"{where}tcp has TCP/53 on 198.51.100.0")
    story.service("other", wishes={"sharing_key": "other", **at}, ports=[{"port": 54}])
    story.expect("other", "", "SharingConflict", says="with another sharing key")
    story.service("alone", wishes=at, ports=[{"port": 55}])
    story.expect("alone", "", "AddressInUse", says=f"held by {where}tcp")
    story.costs(
        dns_tcp="Assigned", dns_udp="Assigned", late="SharingConflict", other="SharingConflict", alone="AddressInUse"
    )
    story.change("late", ports=[{"port": 56, "protocol": "TCP"}])
    story.expect("late", "198.51.100.0")
    story.costs(late="Assigned")
    story.change("dns-udp", wishes={"sharing_key": None})  # falls out: the older keeps the address
    story.expect("dns-udp", "198.51.100.1")
    story.expect_note("dns-udp", "gave back 198.51.100.0: 198.51.100.0 is held by")
    story.costs(dns_udp="Assigned")


def test_another_controllers_class_is_never_touched(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("theirs", loadBalancerClass="example.com/cloud")
    story.service("ours", loadBalancerClass="exalb.io/bgp")
    story.expect("ours", "198.51.100.0")
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.1", "ipMode": "VIP"}]}}}
    story.world.change(f"{story.world.services}/theirs/status", status)
    story.service("next")
    story.expect("next", "198.51.100.2")  # and what another has given is not given again
    story.expect("theirs", "198.51.100.1", None)
    story.costs(ours="Assigned", next="Assigned")


def test_who_stops_being_ours_gives_back(story: Addressing) -> None:
    story.pool("main", "198.51.100.0/32")
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.service("waits")
    story.expect("waits", "", "PoolExhausted", says="pool main: 1 of 1 addresses are in use")
    story.change("web", type="ClusterIP")
    story.expect("waits", "198.51.100.0")
    story.expect("web", "", None)
    story.costs(web="Assigned Released", waits="PoolExhausted Assigned")
    story.change("web", type="LoadBalancer", loadBalancerClass="example.com/cloud")
    story.costs()
    assert story.told("web") == ("", None)


def test_an_address_of_the_cluster_itself_is_never_given(story: Addressing) -> None:
    story.world.node("machine", "10.77.0.200")
    story.pool("near", "10.77.0.200/31")
    assert story.judged("near") == "PoolHoldsNode"
    story.service("web")
    story.expect("web", "10.77.0.201")
    story.pool("within", "10.96.255.0-10.97.0.0")
    assert story.judged("within") == "PoolHoldsServiceRange"
    story.service("next", wishes={"pool": "within"})
    story.expect("next", "10.97.0.0")
    story.costs(web="Assigned", next="Assigned")


def test_a_router_that_comes_later_takes_its_address(story: Addressing) -> None:
    story.pool("near", "203.0.113.0/31")
    story.service("web", wishes={"addresses": "203.0.113.0"})
    story.expect("web", "203.0.113.0")
    router = {"myASN": 64512, "peerASN": 64513, "peerAddress": "203.0.113.0"}
    story.world.custom("bgppeers", "BGPPeer", "tor", router)
    story.expect("web", "", "AddressInUse", says="203.0.113.0 is the address of BGPPeer tor")
    story.expect_note("web", "gave back 203.0.113.0")
    wait.until("the pool says so", lambda: story.judged("near", "Effective") == "PoolHoldsPeer", seconds=SECONDS)
    assert story.judged("near") == "InEffect"
    story.change("web", wishes={"addresses": None})
    story.expect("web", "203.0.113.1")
    story.costs(web="Assigned AddressInUse Assigned")


def test_an_annotation_that_no_advertisement_heeds_is_told_until_one_does(story: Addressing) -> None:
    story.pool("main", RFC5737)
    story.service("web", wishes={"med": "5"})
    story.expect("web", "198.51.100.0")
    told = "exalb.io/med has no effect: no BGPAdvertisement that selects the Service has allowServiceOverrides"
    wait.until("the Service is told", lambda: story.remarked("web") == told, seconds=SECONDS)
    story.world.custom("bgpadvertisements", "BGPAdvertisement", "open", {"allowServiceOverrides": True})
    wait.until("nothing is to be said", lambda: not story.remarked("web"), seconds=SECONDS)
    story.costs(web="Assigned", quiet=1)


def test_what_is_freed_goes_to_the_oldest_that_waits(story: Addressing) -> None:
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


def test_a_new_pool_ends_waiting(story: Addressing) -> None:
    story.service("web")
    story.expect("web", "", "NoMatchingPool")
    story.service("six", ipFamilies=["IPv6"])
    story.expect("six", "", "NoMatchingPool")
    story.pool("four", "198.51.100.0/29")
    story.expect("web", "198.51.100.0")
    story.expect("six", "", "FamilyNotAvailable", says="pool four has no IPv6 addresses")
    story.pool("six", "2001:db8:100::/64")
    story.expect("six", "2001:db8:100::")
    story.costs(web="NoMatchingPool Assigned", six="NoMatchingPool FamilyNotAvailable Assigned")


def test_a_change_of_its_pool_ends_waiting(story: Addressing) -> None:
    story.pool("main", "198.51.100.0/32", disabled=True)
    story.service("first")
    story.expect("first", "", "PoolDisabled")
    story.change_pool("main", disabled=False)
    story.expect("first", "198.51.100.0")
    story.service("second")
    story.expect("second", "", "PoolExhausted")
    story.change_pool("main", addresses=["198.51.100.0/30"], quotaPerNamespace=1)
    story.expect("second", "", "QuotaExceeded", says=f"namespace {story.world.namespace} has 1 addresses")
    story.change_pool("main", quotaPerNamespace=2)
    story.expect("second", "198.51.100.1")
    story.costs(first="PoolDisabled Assigned", second="PoolExhausted QuotaExceeded Assigned")


def test_a_reserved_address_waits_for_its_service(story: Addressing) -> None:
    mine = [{"address": "198.51.100.0", "namespace": story.world.namespace, "service": "web"}]
    story.pool("main", "198.51.100.0/31", reservations=mine)
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.delete("web")
    story.service("other")
    story.expect("other", "198.51.100.1")
    story.service("more")
    story.expect("more", "", "PoolExhausted", says="1 reserved")
    story.service("web")
    story.expect("web", "198.51.100.0")
    story.costs(
        web="Assigned Assigned", other="Assigned", more="PoolExhausted", quiet=1
    )  # "more" hears of fuller pools
