"""The controller's reporter over several rounds: it writes each difference once."""

from dataclasses import replace

from exalb.kube.manifests import snapshot_of
from exalb.model.parse_custom import parse_speaker
from exalb.report.controller import ControllerReporter
from exalb.validation.rules import validate
from tests.support.decisions import allocation_of
from tests.support.objects import assigned, made, node, peer, pool, service
from tests.support.observing import FLAPS, session, speaker


def test_only_reports_that_changed_are_looked_at_again() -> None:
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), peer(), node()], "exalb-system")
    rules, allocation, reporter = validate(cluster), allocation_of(cluster), ControllerReporter()
    first = reporter.changes(cluster, rules, allocation, made(1))
    written = {(write.kind, write.name): write.body["status"] for write in first.writes}
    pools = {name: replace(found, status=written["IPAddressPool", name]) for name, found in cluster.pools.items()}
    peers = {name: replace(found, status=written["BGPPeer", name]) for name, found in cluster.peers.items()}
    settled = replace(cluster, pools=pools, peers=peers)
    assert not reporter.changes(settled, rules, allocation, made(2)).writes
    assert not reporter.changes(settled, rules, allocation, made(2)).writes
    established = {"peer": "tor", "state": "Established"}
    report = {"metadata": {"name": "n1", "resourceVersion": "1"}, "status": {"sessions": [established]}}
    up = replace(settled, speakers={"n1": parse_speaker(report)})
    (write,) = reporter.changes(up, rules, allocation, made(3)).writes
    assert (write.kind, write.body["status"]["sessions"]) == ("BGPPeer", "1/1")


def test_heartbeat_ends_the_condition_of_a_session_that_flapped() -> None:
    """Nothing else tells the controller: the speaker writes no more of a session at rest than its heartbeat."""
    cluster, _ = snapshot_of([peer(), node()], "exalb-system")
    rules, allocation, reporter = validate(cluster), allocation_of(cluster), ControllerReporter()
    found = []
    for age in (60, 0, -300, -301):
        report = parse_speaker(speaker("n1", session(ended=FLAPS), age=age))
        now = replace(cluster, speakers={"n1": report})
        writes = [
            write for write in reporter.changes(now, rules, allocation, made(1)).writes if write.kind == "BGPPeer"
        ]
        for write in writes:
            found.append(
                {entry["type"]: entry["reason"] for entry in write.body["status"]["conditions"]}["Established"]
            )
            status = {**cluster.peers["tor"].status, **write.body["status"]}
            cluster = replace(cluster, peers={"tor": replace(cluster.peers["tor"], status=status)})
    assert found == ["SessionFlapping", "AllEstablished"]


def test_service_without_announcement_is_counted_and_looked_at_again() -> None:
    web = assigned(service("default/web", "198.51.100.1"))
    cluster, _ = snapshot_of([pool("main", "198.51.100.0/24"), peer("tor"), node("n1"), web], "exalb-system")
    cluster = replace(cluster, speakers={"n1": parse_speaker(speaker("n1", session("tor", announced=[])))})
    reporter = ControllerReporter()
    assert reporter.next_at(0.0) is None
    reporter.changes(cluster, validate(cluster), allocation_of(cluster), made(1))
    assert reporter.not_announced == 1
    assert reporter.next_at(0.0) is not None
