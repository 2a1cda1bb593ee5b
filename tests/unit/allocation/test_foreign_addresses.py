"""An address that another controller assigned stays; so does one that a spec uses, with whoever has it."""

from typing import Any

import pytest

from exalb.analysis.plan import plan
from exalb.kube.manifests import snapshot_of
from exalb.model.address_record import format_record, record_of
from exalb.model.cluster import Key
from exalb.model.parse_core import RECORD, parse_service
from tests.support.decisions import allocation_of
from tests.support.objects import Object, Row, addresses, assigned, check, condition, pool, service, wants

MAIN = pool("main", "198.51.100.0/24")
OTHERS = pool("main", "198.51.100.0/24", serviceAllocation={"namespaces": ["team"]})
THEIRS = "203.0.113.200"
WEB = service("web", THEIRS)
OURS: dict[str, Any] = {"loadBalancerClass": "exalb.io/bgp"}
ASKS: dict[str, Any] = {"annotations": wants(addresses="198.51.100.7")}


def with_hostname(raw: Object) -> Object:
    """Return a Service that also has a host name in its status."""
    entries = raw.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    status = {**raw.get("status", {}), "loadBalancer": {"ingress": [*entries, {"hostname": "lb.example.org"}]}}
    return {**raw, "status": status}


ROWS = [
    Row("no-pool", [WEB], {}),
    Row("in-no-pool", [MAIN, WEB], {}),
    Row("in-no-active-pool", [pool("main", "203.0.113.0/24", "?"), WEB], {}),
    Row("in-a-pool-for-others", [OTHERS, service("web", "198.51.100.7")], {}),
    Row("one-of-two-in-a-pool", [MAIN, service("web", "198.51.100.7", "2001:db8::7")], {}),
    Row("host-name", [MAIN, with_hostname(service())], {}),
    Row("host-name-next-to-ours", [MAIN, with_hostname(assigned(service("web", "198.51.100.7")))], {}),
    Row("in-a-pool-that-serves-it", [MAIN, service("web", "198.51.100.7")], {"web": "198.51.100.7"}),
    Row("class-of-exalb", [MAIN, service("web", THEIRS, **OURS)], {"web": "198.51.100.0"}),
    Row("class-of-exalb-with-host-name", [MAIN, with_hostname(service(**OURS))], {"web": "198.51.100.0"}),
    Row("assigned-by-exalb", [MAIN, assigned(WEB)], {"web": "198.51.100.0"}),
    Row("assigned-by-exalb-without-a-pool", [assigned(WEB)], {"web": "NoMatchingPool"}),
    Row(
        "its-address-is-not-assigned-to-another",
        [OTHERS, service("web", "198.51.100.0"), service("team/a")],
        {"team/a": "198.51.100.1"},
    ),
    Row(
        "its-address-is-refused-to-another",
        [OTHERS, service("web", "198.51.100.7"), service("team/a", **ASKS)],
        {"team/a": "AddressInUse"},
        "Service default/web, which ExaLB does not manage",
    ),
    Row(
        "older-and-not-managed-takes-none-that-exalb-assigned",
        [
            MAIN,
            assigned(service("web", "198.51.100.7", day=2)),
            service("old", "198.51.100.7", day=1, loadBalancerClass="example.org/lb"),
        ],
        {"web": "198.51.100.7"},
    ),
    Row(
        "older-with-a-forged-status-takes-none-that-exalb-assigned",
        [MAIN, assigned(service("web", "198.51.100.7", day=2)), service("old", "198.51.100.7", day=1)],
        {"web": "198.51.100.7", "old": "198.51.100.0"},
    ),
    Row(
        "external-ip-is-not-assigned",
        [MAIN, service("ext", type="ClusterIP", externalIPs=["198.51.100.0"]), service()],
        {"web": "198.51.100.1"},
    ),
    Row(
        "external-ip-is-refused",
        [MAIN, service("ext", type="ClusterIP", externalIPs=["198.51.100.7"]), service(**ASKS)],
        {"web": "AddressInUse"},
        "spec.externalIPs of Service default/ext",
    ),
    Row("external-ip-of-its-own", [MAIN, service(externalIPs=["198.51.100.7"], **ASKS)], {"web": "198.51.100.7"}),
    Row(
        "external-ip-takes-none-from-its-holder",
        [MAIN, service("ext", type="ClusterIP", externalIPs=["198.51.100.7"], day=1), service("web", "198.51.100.7")],
        {"web": "198.51.100.7"},
    ),
    Row(
        "cluster-ip-is-not-assigned",
        [MAIN, service("dns", type="ClusterIP", clusterIPs=["198.51.100.0"]), service()],
        {"web": "198.51.100.1"},
    ),
    Row(
        "cluster-ip-is-refused",
        [MAIN, service("dns", type="ClusterIP", clusterIP="198.51.100.7"), service(**ASKS)],
        {"web": "AddressInUse"},
        "spec.clusterIPs of Service default/dns",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_foreign(row: Row) -> None:
    check(row)


def test_plan_notes_a_service_of_another_controller() -> None:
    result = plan(*snapshot_of([MAIN, WEB], "exalb-system"))
    assert result.is_good
    [note] = (note for note in result.notes if note.kind == "Service")
    assert (note.name, note.field) == ("default/web", "status.loadBalancer")
    assert THEIRS in note.message


def test_plan_removes_our_marks_from_a_service_of_another_controller() -> None:
    raw = assigned(service("web", "198.51.100.7"))
    raw["status"]["loadBalancer"]["ingress"].append({"ip": THEIRS})
    result = plan(*snapshot_of([MAIN, raw], "exalb-system"))
    assert result.allocation.outcomes == {}
    assert list(map(str, result.held[Key("default", "web")])) == ["198.51.100.7", THEIRS]


def deleted(raw: Object) -> Object:
    """Return a Service that waits for a finalizer."""
    return {**raw, "metadata": {**raw["metadata"], "deletionTimestamp": "2026-01-09T08:00:00Z"}}


DELETED = [
    Row(
        "no-new-address", [MAIN, deleted(service(day=1)), service("b")], {"web": "ServiceDeleted", "b": "198.51.100.0"}
    ),
    Row("none-that-it-requests", [MAIN, deleted(service(**ASKS))], {"web": "ServiceDeleted"}),
    Row("keeps-its-address", [MAIN, deleted(service("web", "198.51.100.7"))], {"web": "198.51.100.7"}),
    Row(
        "no-other-address",
        [MAIN, deleted(service("web", "198.51.100.9", **ASKS))],
        {"web": "198.51.100.9 but ServiceDeleted"},
    ),
]


@pytest.mark.parametrize("row", DELETED, ids=lambda row: row.id)
def test_deleted(row: Row) -> None:
    check(row)


HAS = "198.51.100.1"
SENTENCES = [
    ("198.51.100.1 from pool main", True),
    ("192.0.2.1 is in no pool; keeps 198.51.100.1", True),
    ("198.51.100.1 from pool four and 2001:db8::1 from pool six", True),
    ("2001:db8:: and 198.51.100.1 from pool main", True),
    ("198.51.100.10 from pool main", False),
    ("203.0.113.1 from pool 198.51.100.1", False),
    ("198.51.100.1 is held by default/a; keeps 203.0.113.1", False),
]


@pytest.mark.parametrize(("message", "ours"), SENTENCES)
def test_condition_without_a_record_says_which_address_is_ours(message: str, *, ours: bool) -> None:
    """Services that got their address before there was a record."""
    raw = service("web", HAS)
    raw["status"]["conditions"] = [condition("exalb.io/AddressAssigned", "True", "Assigned", message)]
    assert addresses(raw) == ({"web": "NoMatchingPool"} if ours else {})


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"version":2,"addresses":["198.51.100.1"]}', '{"version":1}'])
def test_unreadable_record_leaves_the_condition_to_decide(text: str) -> None:
    raw = assigned(service("web", HAS))
    raw["status"]["conditions"][1]["message"] = text
    assert addresses(raw) == {"web": "NoMatchingPool"}
    del raw["status"]["conditions"][0]
    assert addresses(raw) == {}


def test_record_that_is_not_true_counts_for_nothing() -> None:
    raw = assigned(service("web", HAS))
    raw["status"]["conditions"] = [{**raw["status"]["conditions"][1], "status": "False"}]
    assert addresses(raw) == {}


def test_record_does_not_depend_on_a_message_for_people() -> None:
    raw = assigned(service("web", HAS), message="Adresse 198.51.100.1 vergeben, aus dem Vorrat main")
    assert addresses(raw) == {"web": "NoMatchingPool"}


def test_record_is_of_one_version() -> None:
    """A change of this text needs a new version, and a reader of this one."""
    ports = [{"port": 80}, {"port": 8001}, {"port": 8000}, {"port": 53, "protocol": "UDP"}]
    web = parse_service(service("web", HAS, annotations=wants(sharing_key="k", sharing_namespaces="b, a"), ports=ports))
    assert format_record(record_of(web, web.held)) == (
        '{"version":1,"addresses":["198.51.100.1"],"sharing":{"key":"k","ports":{"TCP":"80,8000-8001","UDP":"53"},'
        '"endpoints":"","namespaces":["a","b"]}}'
    )
    assert RECORD == "exalb.io/AddressRecord"


def test_service_with_a_host_name_alone_is_assigned_nothing_in_the_first_round() -> None:
    cluster = snapshot_of([MAIN, with_hostname(service())], "exalb-system")[0]
    assert not allocation_of(cluster).outcomes
