"""What is taken out of the status of a Service that is not ours any more, and what stays there."""

from dataclasses import dataclass
from typing import Any

import pytest

from exalb.allocation import allocate
from exalb.manifests import picture
from exalb.overrides import Hearing
from exalb.parse import CONDITION
from exalb.report import ControllerReporter
from exalb.report_services import ServiceReporter
from exalb.validity import in_force
from tests.unit.objects import Object, made, pool, service, wants

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
def test_who_is_not_ours_any_more(row: Row) -> None:
    cluster, _ = picture([pool("main", "198.51.100.0/24"), row.service], "exalb-system")
    changes = ServiceReporter().changes(cluster, allocate(cluster), Hearing(cluster, in_force(cluster)), made(2))
    (write,) = changes.writes
    assert write.body["status"].pop("conditions") == [{"type": CONDITION, "$patch": "delete"}]
    assert write.body["status"].get("loadBalancer", {"ingress": None})["ingress"] == row.ingress
    assert [event.reason for event in changes.events] == row.events


def test_a_pair_is_told_with_the_pool_of_each() -> None:
    pair = wants(addresses="198.51.100.7,2001:db8::7")
    web = service(annotations=pair, ipFamilyPolicy="RequireDualStack")
    cluster, _ = picture([pool("four", "198.51.100.0/24"), pool("six", "2001:db8::/64"), web], "exalb-system")
    write, *_ = (
        ServiceReporter().changes(cluster, allocate(cluster), Hearing(cluster, in_force(cluster)), made(2)).writes
    )
    (condition,) = write.body["status"]["conditions"]
    assert condition["message"] == "198.51.100.7 from pool four and 2001:db8::7 from pool six"


def test_another_sentence_for_one_reason_is_written_without_an_event() -> None:
    waiting = service("web")
    full = [pool("main", "198.51.100.1-198.51.100.1"), service("first", "198.51.100.1")]
    told = {
        "type": CONDITION,
        "status": "False",
        "reason": "PoolExhausted",
        "message": "pool main: all of 9 are in use",
    }
    waiting.setdefault("status", {})["conditions"] = [told | {"lastTransitionTime": made(1)}]
    cluster, _ = picture([*full, waiting], "exalb-system")
    changes = ServiceReporter().changes(cluster, allocate(cluster), Hearing(cluster, in_force(cluster)), made(2))
    (write,) = (write for write in changes.writes if write.name == "web")
    assert write.body["status"]["conditions"][0]["message"] == "pool main: 1 of 1 addresses are in use"
    assert [event for event in changes.events if event.name == "web"] == []


def test_another_class_is_never_touched() -> None:
    theirs = service("theirs", "198.51.100.1", loadBalancerClass="example.com/cloud")
    cluster, _ = picture([pool("main", "198.51.100.0/24"), theirs], "exalb-system")
    assert (
        ServiceReporter().changes(cluster, allocate(cluster), Hearing(cluster, in_force(cluster)), made(2)).writes == ()
    )


def test_a_pool_is_never_overfull() -> None:
    """What others gave out of a pool is in use only if the pool could have given it."""
    theirs = service("theirs", "198.51.100.0", loadBalancerClass="example.com/cloud")
    objects = [pool("main", "198.51.100.0-198.51.100.1", "2000::/3", avoidBuggyIPs=True), service(), theirs]
    cluster, _ = picture(objects, "exalb-system")
    (write,) = ControllerReporter().changes(cluster, allocate(cluster), made(2)).writes[1:]
    assert write.body["status"]["ipv4"] == {"capacity": 1, "assigned": 1, "available": 0}
    assert write.body["status"]["ipv6"]["capacity"] == write.body["status"]["ipv6"]["available"] == (1 << 63) - 1


UNDERSTOOD = "exalb.io/AnnotationsUnderstood"
MISSPELT = {"exalb.io/adresses": "198.51.100.9"}
SAYS = "exalb.io/adresses is no annotation that ExaLB reads: did you mean exalb.io/addresses?"


def stands(kind: str, status: str, reason: str, message: str) -> Object:
    """Return a condition of ours that was written before."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": made(1)}


HAS_IT = stands(CONDITION, "True", "Assigned", "198.51.100.0 from pool main")
REMARKED = stands(UNDERSTOOD, "False", "UnknownAnnotation", SAYS)


def written(annotations: Any, *conditions: Object, held: str = "198.51.100.0", **spec: Any) -> tuple[Any, list[Any]]:
    """Return the status that is written, and kind, reason and message of the event, for a Service that stands so."""
    raw = service("web", *filter(None, [held]), annotations=annotations, **spec)
    raw.setdefault("status", {})["conditions"] = list(conditions)
    cluster, _ = picture([pool("main", "198.51.100.0/24"), raw], "exalb-system")
    changes = ServiceReporter().changes(cluster, allocate(cluster), Hearing(cluster, in_force(cluster)), made(2))
    events = [(event.type, event.reason, event.message) for event in changes.events]
    return (changes.writes[0].body["status"] if changes.writes else None), events


def test_a_misspelt_annotation_is_told_beside_the_address() -> None:
    status, events = written(MISSPELT, HAS_IT)
    assert status == {"conditions": [REMARKED | {"lastTransitionTime": made(2)}]}
    assert events == [("Warning", "UnknownAnnotation", SAYS)]


def test_of_a_new_service_one_event_tells_both() -> None:
    status, events = written(MISSPELT, held="")
    assert [one["type"] for one in status["conditions"]] == [CONDITION, UNDERSTOOD]
    assert status["loadBalancer"]["ingress"][0]["ip"] == "198.51.100.0"
    assert events == [("Warning", "Assigned", f"198.51.100.0 from pool main; {SAYS}")]


def test_what_was_told_of_annotations_is_not_told_again() -> None:
    assert written(MISSPELT, HAS_IT, REMARKED) == (None, [])


def test_an_address_given_later_tells_nothing_of_annotations_again() -> None:
    assert written(MISSPELT, REMARKED, held="")[1] == [("Normal", "Assigned", "198.51.100.0 from pool main")]


def test_another_mistake_is_told_anew_since_when_the_first_was_there() -> None:
    status, events = written({"exalb.io/med": "much"}, HAS_IT, REMARKED)
    (condition,) = status["conditions"]
    assert (condition["reason"], condition["lastTransitionTime"]) == ("InvalidRequest", made(1))
    assert events == [("Warning", "InvalidRequest", "exalb.io/med: 'much' is not a number from 0 to 4294967295")]


def test_once_mended_nothing_is_left_of_it() -> None:
    assert written(None, HAS_IT, REMARKED) == ({"conditions": [{"type": UNDERSTOOD, "$patch": "delete"}]}, [])


@pytest.mark.parametrize("there", [[HAS_IT, REMARKED], [REMARKED], [HAS_IT]], ids=["both", "remark", "address"])
def test_of_a_service_that_is_not_ours_any_more_both_go(there: list[Object]) -> None:
    status, _ = written(MISSPELT, *there, loadBalancerClass="example.com/cloud")
    assert status["conditions"] == [{"type": one["type"], "$patch": "delete"} for one in there]


def test_of_a_service_that_never_was_ours_nothing_is_told() -> None:
    assert written(MISSPELT, loadBalancerClass="example.com/cloud") == (None, [])
