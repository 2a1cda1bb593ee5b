"""The controller's reporter over several rounds: it writes each difference once."""

from dataclasses import replace

from exalb.kube.manifests import snapshot_of
from exalb.model.parse_custom import parse_speaker
from exalb.report.controller import ControllerReporter
from exalb.validation.rules import validate
from tests.support.decisions import allocation_of
from tests.support.objects import made, node, peer, pool


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
    session = {"peer": "tor", "state": "Established"}
    report = {"metadata": {"name": "n1", "resourceVersion": "1"}, "status": {"sessions": [session]}}
    up = replace(settled, speakers={"n1": parse_speaker(report)})
    (write,) = reporter.changes(up, rules, allocation, made(3)).writes
    assert (write.kind, write.body["status"]["sessions"]) == ("BGPPeer", "1/1")
