"""L2 in the answers about a running cluster."""

from datetime import datetime
from typing import Any

import pytest

from exalb.api.reasons import Reason
from exalb.explain.answer import Answer, Verdict
from exalb.explain.node import explain_node
from exalb.explain.observed import Observed
from exalb.explain.service import explain_service
from exalb.explain.status import status
from exalb.explain.tables import route_rows
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Key
from exalb.model.lease import Lease
from tests.support import objects
from tests.support.objects import Object, assigned_service, endpoints, l2_advertisement, l2_speaker, node, pool

NOW = datetime.fromisoformat(objects.made(1))
PACKED = ["10.0.0.0/24 AAAAAAAAAAAAAAAAEA"]
HOLDS: Any = {"announced": PACKED, "addresses": 1}
CONFLICT: Any = {"conflicts": [{"address": "10.0.0.100", "mac": "02:aa:00:00:00:01"}]}


def observed(*more: Object) -> Observed:
    raw = [
        *(pool("lan", "10.0.0.100-10.0.0.200"), l2_advertisement(), endpoints("web")),
        assigned_service("web", "10.0.0.100"),
        *(one for number in (1, 2) for one in (node(f"n{number}", f"10.0.0.{number}"), speaker(number))),
    ]
    found = {(one["kind"], one["metadata"]["name"]): one for one in (*raw, *more)}
    cluster, malformed = snapshot_of(list(found.values()), "exalb-system")
    assert not malformed
    return Observed(cluster, NOW, Lease(holder="c", renewed=NOW))


def speaker(number: int, **l2: Any) -> Object:
    return l2_speaker(f"n{number}", f"10.0.0.{number}/24", l2=l2)


def explained(found: Observed) -> Answer:
    return explain_service(found, Key("default", "web"))


def test_announcement_on_the_lan_says_since_when() -> None:
    found = explained(observed(speaker(2, **HOLDS, since="2026-01-05T08:00:00Z")))
    (step,) = (step for step in found.steps if step.hop == "L2")
    assert "by node n2 on eth0 since 2026-01-05T08:00:00Z or earlier; if it fails" in step.message


def test_service_on_the_lan_is_well() -> None:
    answer = explained(observed(speaker(2, **HOLDS)))
    (step,) = (step for step in answer.steps if step.hop == "L2")
    assert "10.0.0.100 announced on the LAN by node n2 on eth0; if it fails, n1 follows" in step.message
    assert not [step for step in answer.steps if step.verdict is Verdict.BROKEN]
    assert "n2" in answer.summary


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (speaker(1), "NotAnnounced"),
        (speaker(1, **CONFLICT), "AddressConflict"),
        (l2_advertisement(interfaces=["eth7"]), "NoInterface"),
        (endpoints("web", objects.endpoint(ready=False)), "NoReadyEndpoints"),
    ],
)
def test_address_that_no_node_announces_has_a_reason(change: Object, reason: str) -> None:
    found = observed(change)
    (step,) = (step for step in explained(found).steps if step.hop == "L2")
    assert (step.verdict, step.reason and step.reason.value) == (Verdict.BROKEN, reason)
    problems = [step.reason and step.reason.value for step in status(found).problems if step.hop == "L2"]
    assert problems == [reason]
    (row,) = route_rows(found)
    assert (row.prefix, row.status, row.reason, row.peers) == ("10.0.0.100/32", "withheld", reason, ("L2",))


def test_routes_have_the_node_and_its_interface() -> None:
    (row,) = route_rows(observed(speaker(2, **HOLDS)))
    assert (row.status, row.nodes, row.attributes, row.services) == ("sent", ("n2",), "dev=eth0", ("default/web",))


def test_holder_with_a_conflict_is_well_and_says_so() -> None:
    answer = explained(observed(speaker(2, **HOLDS, **CONFLICT)))
    steps = [(step.verdict, step.reason and step.reason.value) for step in answer.steps if step.hop == "L2"]
    assert steps == [(Verdict.GOOD, None), (Verdict.NOTE, "AddressConflict")]


def test_status_is_good_without_a_peer() -> None:
    found = status(observed(speaker(2, **HOLDS)))
    assert not [step.message for step in found.problems]


def test_process_that_does_not_answer_is_a_problem() -> None:
    found = observed(speaker(2, **{**HOLDS, "connected": False}))
    for steps in (status(found).problems, explain_node(found, "n2").steps):
        (step,) = (step for step in steps if step.hop == "L2")
        assert (step.verdict, step.reason, step.object) == (Verdict.BROKEN, Reason.L2_NOT_ANSWERING, "node/n2")
    assert not [step for step in explain_node(found, "n1").steps if step.reason is Reason.L2_NOT_ANSWERING]


def test_node_has_its_lans() -> None:
    answer = explain_node(observed(speaker(2, **HOLDS)), "n2")
    (step,) = (step for step in answer.steps if step.hop == "L2")
    assert "announces 1 addresses on its LANs; it could on eth0" in step.message
    assert not [step for step in answer.steps if step.verdict is Verdict.BROKEN]


def test_setting_of_a_kernel_is_in_every_answer() -> None:
    spoiled = objects.condition("L2Effective", "False", "ArpNotStrict", "the node has 10.0.0.100 on interface ipvs")
    found = observed(l2_speaker("n2", "10.0.0.2/24", l2=HOLDS, conditions=[spoiled]))
    said = (explained(found).steps, explain_node(found, "n2").steps, status(found).problems)
    for steps in said:
        (step,) = (step for step in steps if step.reason is Reason.ARP_NOT_STRICT)
        assert "node n2: the node has 10.0.0.100" in step.message
    assert not [step for step in explain_node(found, "n1").steps if step.verdict is Verdict.BROKEN and step.hop == "L2"]
