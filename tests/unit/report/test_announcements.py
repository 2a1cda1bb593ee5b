"""The condition of a Service that says by how many nodes it is announced: what it says, when, and how often."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from exalb.api.announced import pack
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster, Key, Service
from exalb.model.patches import Changes
from exalb.report.announced_services import LOOKED_AT
from exalb.report.announcements import BURST, PER_SECOND, AnnouncementReporter
from tests.support.objects import Object, assigned, condition, endpoints, made, node, peer, pool, service
from tests.support.observing import session, speaker

KIND = "exalb.io/Announced"
ADDRESS = "198.51.100.1"
BASE = [pool("main", "198.51.100.0/24", "2001:db8::/64"), peer("tor"), node("n1"), node("n2"), endpoints("web")]
YES, NO = ("True", "Announced"), ("False", "NotAnnounced")


def web(*said: str, held: Iterable[str] = (ADDRESS,)) -> Object:
    """Return the Service, with the condition as it was written: status, reason and message."""
    raw = assigned(service("default/web", *held))
    if said:
        raw["status"]["conditions"].append(condition(KIND, *said))
    return raw


def report(name: str, *prefixes: str, peers: Iterable[str] = ("tor",), **more: Any) -> Object:
    """Return the BGPSpeaker of a node that announces these prefixes to these peers."""
    packed = list(pack(map(ip_network, prefixes)) or ())
    return speaker(name, *(session(peer, announced=packed) for peer in peers), **more)


def seen(*objects: Object) -> Cluster:
    """Return the snapshot of these objects."""
    return snapshot_of([*BASE, *objects], "exalb-system")[0]


class Clock:
    """A reporter with its time."""

    def __init__(self) -> None:
        self.reporter, self.seconds = AnnouncementReporter(), 1_000.0
        self._services: Mapping[Key, Service] = {}
        """As in a store, a Service that does not change stays the same object."""

    def after(self, seconds: float, *objects: Object, written: frozenset[Key] = frozenset()) -> Changes:
        """Return what is written some seconds later, when the cluster has these objects."""
        self.seconds += seconds
        cluster = seen(*objects)
        known = {key: service for key, service in self._services.items() if cluster.services.get(key) == service}
        cluster = replace(cluster, services={**cluster.services, **known})
        self._services = cluster.services
        return self.reporter.changes(cluster, cluster.services, written, made(9), self.seconds)


def said(changes: Changes) -> list[tuple[str, str, str]]:
    """Return status, reason and message of each condition that is written."""
    found = [entry for write in changes.writes for entry in write.body["status"]["conditions"]]
    return [(entry.get("status", "gone"), entry.get("reason", ""), entry.get("message", "")) for entry in found]


def test_service_is_announced_at_once_without_an_event() -> None:
    changes = Clock().after(0, web(), report("n1", ADDRESS, peers=["tor", "spine"]), report("n2", ADDRESS))
    assert said(changes) == [(*YES, "announced by 2 nodes to 2 peers")]
    assert not changes.events


def test_end_is_written_when_it_has_lasted_and_has_an_event() -> None:
    clock, up = Clock(), web(*YES, "announced by 1 node to 1 peer")
    gone = [up, report("n1"), report("n2")]
    assert not clock.after(0, up, report("n1", ADDRESS), report("n2")).writes
    assert not clock.after(5, *gone).writes
    assert not clock.after(9, *gone).writes
    changes = clock.after(2, *gone)
    [(status, reason, message)] = said(changes)
    assert (status, reason) == NO
    assert "explain service/web -n default" in message
    [event] = changes.events
    assert (event.type, event.reason, event.name) == ("Warning", "NotAnnounced", "web")


def test_short_gap_is_not_written() -> None:
    clock, up = Clock(), web(*YES, "announced by 1 node to 1 peer")
    assert not clock.after(0, up, report("n1"), report("n2")).writes
    assert not clock.after(8, up, report("n1", ADDRESS), report("n2")).writes
    assert not clock.after(8, up, report("n1"), report("n2")).writes, "the time begins again"


def test_service_that_is_announced_again_has_an_event() -> None:
    changes = Clock().after(0, web(*NO, "no node announces it"), report("n1", ADDRESS), report("n2"))
    assert said(changes) == [(*YES, "announced by 1 node to 1 peer")]
    assert [(event.type, event.reason) for event in changes.events] == [("Normal", "Announced")]


def test_other_number_is_written_once_a_minute() -> None:
    clock, up = Clock(), web(*YES, "announced by 1 node to 1 peer")
    both = [up, report("n1", ADDRESS), report("n2", ADDRESS)]
    assert not clock.after(0, *both).writes
    assert not clock.after(59, *both).writes
    changes = clock.after(1, *both)
    assert said(changes) == [(*YES, "announced by 2 nodes to 1 peer")]
    assert not changes.events


def test_settled_service_is_not_written() -> None:
    clock, up = Clock(), web(*YES, "announced by 1 node to 1 peer")
    for _ in range(3):
        assert not clock.after(100, up, report("n1", ADDRESS), report("n2")).writes
    assert clock.reporter.next_at(clock.seconds) is None


def test_missing_family_is_named() -> None:
    both = web(held=(ADDRESS, "2001:db8::1"))
    clock, reports = Clock(), [report("n1", ADDRESS), report("n2")]
    clock.after(0, both, *reports)
    [(status, reason, message)] = said(clock.after(11, both, *reports))
    assert (status, reason) == NO
    assert "no node announces 2001:db8::1:" in message


def test_aggregate_announces_its_addresses() -> None:
    aggregate = [report("n1", "198.51.100.0/28"), report("n2")]
    assert said(Clock().after(0, web(), *aggregate)) == [(*YES, "announced by 1 node to 1 peer")]
    clock = Clock()
    clock.after(0, web(*YES, "announced by 1 node to 1 peer"), *aggregate)
    clock.after(1, web(*YES, "announced by 1 node to 1 peer"), report("n1"), report("n2"))
    assert clock.reporter.not_announced == 1


def test_nothing_is_said_while_a_report_is_missing_or_stale() -> None:
    """A speaker that cannot write may announce all the same."""
    stale = report("n2", conditions=[condition("Ready", "Unknown", "SpeakerNotReporting", "stale")])
    older = speaker("n2")
    for unknown in (
        [],
        [report("n1"), stale],
        [report("n1"), older],
        [report("n1"), speaker("n2", session(announced=["x"]))],
    ):
        clock = Clock()
        for seconds in (0, 11, 100):
            assert not clock.after(seconds, web(), *unknown).writes, unknown
    clock = Clock()
    clock.after(0, web(), report("n1"), stale)
    clock.after(1, web(), report("n1"), report("n2"))
    assert said(clock.after(11, web(), report("n1"), report("n2")))[0][:2] == NO, "all reports are there again"


def test_report_without_its_node_does_not_count() -> None:
    clock = Clock()
    reports = [report("n1"), report("n2"), report("n3", ADDRESS)]
    clock.after(0, web(), *reports)
    assert said(clock.after(11, web(), *reports))[0][:2] == NO


def test_service_without_address_loses_the_condition() -> None:
    raw = service("default/web")
    raw["status"] = {"conditions": [condition(KIND, *YES, "announced by 1 node to 1 peer")]}
    assert said(Clock().after(0, raw, report("n1"), report("n2"))) == [("gone", "", "")]


def test_service_that_is_written_already_waits() -> None:
    clock, reports = Clock(), [report("n1", ADDRESS), report("n2")]
    assert not clock.after(0, web(), *reports, written=frozenset({Key("default", "web")})).writes
    assert clock.after(1, web(), *reports).writes


def test_outage_of_thousands_of_services_is_written_slowly() -> None:
    """The bound: a burst, and then so many a second, whatever the number of Services and nodes."""
    names = [f"198.51.100.{number}" for number in range(1, 251)] + [f"198.18.0.{number}" for number in range(250)]
    up = [assigned(service(f"default/s{number}", name)) for number, name in enumerate(names)]
    for raw in up:
        raw["status"]["conditions"].append(condition(KIND, *YES, "announced by 2 nodes to 1 peer"))
    clock, gone = Clock(), [*up, report("n1"), report("n2")]
    clock.after(0, *gone)
    counts = [len(clock.after(11 if second == 0 else 1, *gone).writes) for second in range(5)]
    assert counts == [BURST, PER_SECOND, PER_SECOND, PER_SECOND, PER_SECOND]
    assert clock.reporter.next_at(clock.seconds) == clock.seconds + 1


def test_other_numbers_leave_half_of_the_burst() -> None:
    names = [f"198.51.100.{number}" for number in range(1, 200)]
    up = [assigned(service(f"default/s{number}", name)) for number, name in enumerate(names)]
    for raw in up:
        raw["status"]["conditions"].append(condition(KIND, *YES, "announced by 1 node to 1 peer"))
    clock, both = Clock(), [*up, report("n1", *names), report("n2", *names)]
    clock.after(0, *both)
    assert len(clock.after(61, *both).writes) == BURST // 2 + 1


def test_change_of_a_service_does_not_restart_its_time() -> None:
    clock, up = Clock(), web(*YES, "announced by 1 node to 1 peer")
    labelled = {**up, "metadata": {**up["metadata"], "labels": {"tier": "front"}}}
    assert not clock.after(0, up, report("n1"), report("n2")).writes
    assert not clock.after(6, labelled, report("n1"), report("n2")).writes
    assert said(clock.after(5, labelled, report("n1"), report("n2")))[0][:2] == NO


def test_only_services_of_changed_prefixes_change() -> None:
    near, far = "198.51.100.2", "198.51.100.200"
    services = [assigned(service("default/near", near)), assigned(service("default/far", far))]
    for raw in services:
        raw["status"]["conditions"].append(condition(KIND, *YES, "announced by 1 node to 1 peer"))
    clock = Clock()
    clock.after(0, *services, report("n1", near, far), report("n2"))
    clock.after(1, *services, report("n1", far, "198.51.100.0/28"), report("n2"))
    assert clock.reporter.not_announced == 0
    clock.after(1, *services, report("n1", far), report("n2"))
    assert clock.reporter.not_announced == 1


def test_services_beyond_the_number_of_one_round_are_looked_at_in_the_next() -> None:
    """A reporter with more to look at asks for its next round at once."""
    many = [assigned(service(f"default/s{n:04}", f"198.18.{n // 250}.{n % 250}")) for n in range(LOOKED_AT + 1)]
    clock = Clock()
    clock.after(0, *many, report("n1"), report("n2"))
    assert clock.reporter.next_at(clock.seconds) == clock.seconds
    assert clock.reporter.not_announced == LOOKED_AT
    clock.after(0, *many, report("n1"), report("n2"))
    assert clock.reporter.next_at(clock.seconds) != clock.seconds
    assert clock.reporter.not_announced == LOOKED_AT + 1
