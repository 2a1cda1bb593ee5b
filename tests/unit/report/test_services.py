"""The status of a Service: conditions, events and log lines, and the end of our entries there."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from exalb.allocation.allocator import Allocator
from exalb.analysis.overrides import OverridePolicy
from exalb.kube.manifests import snapshot_of
from exalb.model.parse_core import CONDITION, RECORD
from exalb.report.services import ServiceReporter
from exalb.validation.rules import validate
from tests.support.decisions import allocation_of, changes_of
from tests.support.objects import Object, assigned, condition, made, pool, service, wants

OURS = "198.51.100.1 from pool main"
KEPT = "192.0.2.1 is in no pool; keeps 198.51.100.1"
PAIR = "198.51.100.1 from pool four and 2001:db8::1 from pool six"


@dataclass(frozen=True, slots=True)
class Row:
    """A Service as it stands, the list of ingresses that is written (None: it is left alone), and the events."""

    id: str
    service: Object
    ingress: list[Object] | None
    events: list[str]


def left(message: str, *held: str, status: str = "True", **spec: Any) -> Object:
    """Return a Service that was ours, has what `held` says, and whose condition says `message`."""
    found = service("web", *held, **{"loadBalancerClass": "example.com/cloud", **spec})
    one = {"type": CONDITION, "status": status, "reason": "Assigned", "message": message, "lastTransitionTime": made(1)}
    found.setdefault("status", {})["conditions"] = [one]
    return found


ROWS = [
    Row("another-class", left(OURS, "198.51.100.1"), [], ["Released"]),
    Row("no-balancer", left(OURS, "198.51.100.1", type="ClusterIP", loadBalancerClass=None), [], ["Released"]),
    Row("emptied-by-the-server", left(OURS), None, ["Released"]),
    Row("kept-for-want-of-another", left(KEPT, "198.51.100.1"), [], ["Released"]),
    Row("had-nothing", left("pool main is disabled", status="False"), None, []),
    Row("another-controller-was-faster", left(OURS, "203.0.113.9"), None, ["Released"]),
    Row("what-we-only-spoke-of", left(KEPT, "192.0.2.1"), None, ["Released"]),
    Row("what-we-could-not-have", left("198.51.100.1 is held by default/a", "198.51.100.1", status="False"), None, []),
    Row("a-pool-with-such-a-name", left("198.51.100.1 from pool 192.0.2.1", "192.0.2.1"), None, ["Released"]),
    Row("a-pair-of-two-pools", left(PAIR, "198.51.100.1", "2001:db8::1"), [], ["Released"]),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_service_that_is_no_longer_managed(row: Row) -> None:
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), row.service], "exalb-system")
    changes = ServiceReporter().changes(
        cluster, allocation_of(cluster), OverridePolicy(cluster, validate(cluster)), made(2)
    )
    (write,) = changes.writes
    assert write.body["status"].pop("conditions") == [{"type": CONDITION, "$patch": "delete"}]
    assert write.body["status"].get("loadBalancer", {"ingress": None})["ingress"] == row.ingress
    assert [event.reason for event in changes.events] == row.events


def test_pair_is_reported_with_the_pool_of_each() -> None:
    pair = wants(addresses="198.51.100.7,2001:db8::7")
    web = service(annotations=pair, ipFamilyPolicy="RequireDualStack")
    cluster, _ = snapshot_of([pool("four", "198.51.100.0/24"), pool("six", "2001:db8::/64"), web], "exalb-system")
    write, *_ = (
        ServiceReporter()
        .changes(cluster, allocation_of(cluster), OverridePolicy(cluster, validate(cluster)), made(2))
        .writes
    )
    assert (
        write.body["status"]["conditions"][0]["message"] == "198.51.100.7 from pool four and 2001:db8::7 from pool six"
    )


def test_new_message_of_the_same_reason_is_written_without_an_event() -> None:
    waiting = service("web")
    full = [pool("main", "198.51.100.1-198.51.100.1"), service("first", "198.51.100.1")]
    before = {
        "type": CONDITION,
        "status": "False",
        "reason": "PoolExhausted",
        "message": "pool main: all of 9 are in use",
    }
    waiting.setdefault("status", {})["conditions"] = [before | {"lastTransitionTime": made(1)}]
    cluster, _ = snapshot_of([*full, waiting], "exalb-system")
    changes = ServiceReporter().changes(
        cluster, allocation_of(cluster), OverridePolicy(cluster, validate(cluster)), made(2)
    )
    (write,) = (write for write in changes.writes if write.name == "web")
    assert write.body["status"]["conditions"][0]["message"] != before["message"]
    assert [event for event in changes.events if event.name == "web"] == []


def test_service_of_another_class_is_left_alone() -> None:
    theirs = service("theirs", "198.51.100.1", loadBalancerClass="example.com/cloud")
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), theirs], "exalb-system")
    assert (
        ServiceReporter()
        .changes(cluster, allocation_of(cluster), OverridePolicy(cluster, validate(cluster)), made(2))
        .writes
        == ()
    )


def test_a_pool_is_never_overfull() -> None:
    """What others gave out of a pool is in use only if the pool could have given it."""
    theirs = service("theirs", "198.51.100.0", loadBalancerClass="example.com/cloud")
    objects = [pool("main", "198.51.100.0-198.51.100.1", "2000::/3", avoidBuggyIPs=True), service(), theirs]
    cluster, _ = snapshot_of(objects, "exalb-system")
    (write,) = changes_of(cluster, made(2)).writes[1:]
    assert write.body["status"]["ipv4"] == {"capacity": 1, "assigned": 1, "available": 0}
    assert write.body["status"]["ipv6"]["capacity"] == write.body["status"]["ipv6"]["available"] == (1 << 63) - 1


UNDERSTOOD = "exalb.io/AnnotationsValid"
MISSPELT = {"exalb.io/adresses": "198.51.100.9"}
SAYS = "unknown annotation exalb.io/adresses: did you mean exalb.io/addresses?"


HAS_IT = condition(CONDITION, "True", "Assigned", "198.51.100.0 from pool main")
RECORDED = condition(RECORD, "True", "Recorded", '{"version":1,"addresses":["198.51.100.0"]}')
REMARKED = condition(UNDERSTOOD, "False", "UnknownAnnotation", SAYS)


def written(annotations: Any, *conditions: Object, held: str = "198.51.100.0", **spec: Any) -> tuple[Any, list[Any]]:
    """Return the status that is written, and kind, reason and message of the event, for a Service that stands so."""
    raw = service("web", *filter(None, [held]), annotations=annotations, **spec)
    raw.setdefault("status", {})["conditions"] = list(conditions)
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), raw], "exalb-system")
    changes = ServiceReporter().changes(
        cluster, allocation_of(cluster), OverridePolicy(cluster, validate(cluster)), made(2)
    )
    events = [(event.type, event.reason, event.message) for event in changes.events]
    return (changes.writes[0].body["status"] if changes.writes else None), events


def test_misspelt_annotation_is_reported_next_to_the_address() -> None:
    status, events = written(MISSPELT, HAS_IT, RECORDED)
    assert status == {"conditions": [REMARKED | {"lastTransitionTime": made(2)}]}
    assert events == [("Warning", "UnknownAnnotation", SAYS)]


def test_new_service_gets_one_event_for_both() -> None:
    status, events = written(MISSPELT, held="")
    assert [one["type"] for one in status["conditions"]] == [CONDITION, UNDERSTOOD, RECORD]
    assert status["loadBalancer"]["ingress"][0]["ip"] == "198.51.100.0"
    assert events == [("Warning", "UnknownAnnotation", f"198.51.100.0 from pool main; {SAYS}")]


def test_remark_is_not_repeated() -> None:
    assert written(MISSPELT, HAS_IT, REMARKED, RECORDED) == (None, [])


def test_later_address_does_not_repeat_the_remark() -> None:
    assert written(MISSPELT, REMARKED, held="")[1] == [("Normal", "Assigned", "198.51.100.0 from pool main")]


def test_another_mistake_is_reported_with_the_time_of_the_first() -> None:
    status, events = written({"exalb.io/med": "much"}, HAS_IT, REMARKED, RECORDED)
    (remark,) = status["conditions"]
    assert (remark["reason"], remark["lastTransitionTime"]) == ("InvalidRequest", made(1))
    ((kind, reason, message),) = events
    assert (kind, reason) == ("Warning", "InvalidRequest")
    assert "exalb.io/med" in message


def test_remark_is_removed_once_corrected() -> None:
    assert written(None, HAS_IT, REMARKED, RECORDED) == ({"conditions": [{"type": UNDERSTOOD, "$patch": "delete"}]}, [])


@pytest.mark.parametrize(
    "there", [[HAS_IT, REMARKED, RECORDED], [REMARKED], [HAS_IT, RECORDED]], ids=["all", "remark", "address"]
)
def test_conditions_of_a_service_that_is_no_longer_managed_are_removed(there: list[Object]) -> None:
    status, _ = written(MISSPELT, *there, loadBalancerClass="example.com/cloud")
    assert status["conditions"] == [{"type": one["type"], "$patch": "delete"} for one in there]


def test_service_that_was_never_managed_gets_no_condition() -> None:
    assert written(MISSPELT, loadBalancerClass="example.com/cloud") == (None, [])


def test_address_alone_is_written_where_the_condition_is_right() -> None:
    """Somebody emptied the status of a Service whose condition says the address that it gets."""
    emptied = assigned(service("web", "198.51.100.0"))
    emptied["status"]["loadBalancer"] = {}
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), emptied], "exalb-system")
    (write,) = (write for write in changes_of(cluster, made(2)).writes if write.kind == "Service")
    assert set(write.body["status"]) == {"loadBalancer"}


def lines(*objects: Object) -> list[tuple[bool, dict[str, str]]]:
    """Return the addresses that the writes assign (True) and release, without the messages."""
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), *objects], "exalb-system")
    rules = validate(cluster)
    changes = ServiceReporter().changes(cluster, allocation_of(cluster), OverridePolicy(cluster, rules), made(2))
    return [
        (change.is_assigned, {key: value for key, value in change.fields.items() if key != "why"})
        for write in changes.writes
        for change in write.addresses
    ]


WEB = {"service": "default/web"}


def test_log_of_an_assigned_address() -> None:
    fields = {**WEB, "address": "198.51.100.0", "pool": "main", "reason": "Assigned"}
    assert lines(service()) == [(True, fields)]


def test_log_of_a_lost_address() -> None:
    assert lines(assigned(service("web", "192.0.2.1"))) == [
        (False, {**WEB, "address": "192.0.2.1", "reason": "AddressNotInPool"}),
        (True, {**WEB, "address": "198.51.100.0", "pool": "main", "reason": "Assigned"}),
    ]


def test_log_of_an_exchanged_address() -> None:
    assert lines(assigned(service("web", "198.51.100.9", annotations=wants(addresses="198.51.100.7")))) == [
        (False, {**WEB, "address": "198.51.100.9", "reason": "Replaced"}),
        (True, {**WEB, "address": "198.51.100.7", "pool": "main", "reason": "Assigned"}),
    ]


def test_log_of_a_service_that_is_no_longer_managed() -> None:
    ours = assigned(service("web", "198.51.100.9", loadBalancerClass="example.com/cloud"))
    assert lines(ours) == [(False, {**WEB, "address": "198.51.100.9", "reason": "NotManaged"})]


def test_log_is_silent_without_a_change_of_addresses() -> None:
    assert lines(service("web", "198.51.100.9")) == []
    assert lines(service("web", "203.0.113.9", loadBalancerClass="example.com/cloud")) == []


def test_service_of_another_controller_gets_no_write() -> None:
    theirs = service("web", "203.0.113.200", annotations=MISSPELT)
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), theirs], "exalb-system")
    rules = validate(cluster)
    changes = ServiceReporter().changes(cluster, allocation_of(cluster), OverridePolicy(cluster, rules), made(2))
    assert (changes.writes, changes.events) == ((), ())


def test_marks_are_removed_from_a_service_that_another_controller_took() -> None:
    """Both a refusal of ours and the record of an address that the other replaced."""
    refused = service("web", "203.0.113.200")
    refused["status"]["conditions"] = [condition(CONDITION, "False", "NoMatchingPool", "no pool")]
    replaced = assigned(service("web", "198.51.100.7"))
    replaced["status"]["loadBalancer"]["ingress"] = [{"ip": "203.0.113.200"}]
    for raw in (refused, replaced):
        cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), raw], "exalb-system")
        rules = validate(cluster)
        (write,) = (
            ServiceReporter().changes(cluster, allocation_of(cluster), OverridePolicy(cluster, rules), made(2)).writes
        )
        kinds = [one["type"] for one in raw["status"]["conditions"]]
        assert write.body["status"] == {"conditions": [{"type": kind, "$patch": "delete"} for kind in kinds]}
        assert write.addresses == ()


def test_write_that_is_not_seen_yet_is_decided_once() -> None:
    objects = [pool("main", "198.51.100.0/24"), service("a", day=1)]
    one, two = (snapshot_of(found, "exalb-system")[0] for found in (objects, [*objects, service("b", day=2)]))
    both = replace(two, services={**two.services, **one.services})
    rules, allocator, reporter = validate(one), Allocator(), ServiceReporter()
    policy = OverridePolicy(one, rules)
    [first] = reporter.changes(one, allocator.allocate(one, rules), policy, made(3)).writes
    again, second = reporter.changes(both, allocator.allocate(both, rules), policy, made(4)).writes
    assert (again is first, second.name) == (True, "b")
    assert reporter.changes(one, allocator.allocate(one, rules), policy, made(5)).writes == (first,)
