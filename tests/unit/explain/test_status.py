"""One screen: a Service that no node announces is a problem, what may be meant so is a note."""

import pytest

from exalb.api.reasons import Reason
from exalb.explain.answer import Step
from exalb.explain.status import status
from tests.support.objects import Object, assigned_service, condition, endpoint, endpoints, peer, wants
from tests.support.observing import observed
from tests.support.situations import world


def web(name: str = "shop/web", **more: object) -> Object:
    """Return the Service, which no node announces."""
    made = assigned_service(name, "198.51.100.1", day=2, **more)
    silent = condition("exalb.io/Announced", "False", "NotAnnounced", "")
    made["status"]["conditions"] = [*made["status"].get("conditions", []), silent]
    return made


def of_services(steps: tuple[Step, ...]) -> list[tuple[str, str]]:
    return [(step.reason.value if step.reason else "", step.object) for step in steps if step.hop == "Services"]


@pytest.mark.parametrize(
    ("slices", "problems", "notes"),
    [
        (endpoints("shop/web", endpoint("10.88.1.2", "n1")), [("NotAnnounced", "service/web -n shop")], []),
        (endpoints("shop/web", endpoint(ready=False)), [], [("NotAnnounced", "service/web -n shop")]),
        (None, [], [("NotAnnounced", "service/web -n shop")]),
    ],
    ids=["ready", "not-ready", "no-endpoint"],
)
def test_service_that_no_node_announces(
    slices: Object | None, problems: list[tuple[str, str]], notes: list[tuple[str, str]]
) -> None:
    found = status(observed(*world(service=web(), endpoints=slices)))
    assert (of_services(found.problems), of_services(found.notes)) == (problems, notes)


def test_services_without_announcement_share_a_line() -> None:
    found = status(observed(*world(service=[web(), web("shop/api")], endpoints=None)))
    [line] = [step for step in found.notes if step.reason is Reason.NOT_ANNOUNCED]
    assert (line.object, line.next) == ("service/api -n shop", "kubectl exalb explain service/api -n shop")


def test_peer_that_no_node_wants_is_a_problem() -> None:
    """As its condition Ready says, which is False; a BGPPeer that others use as their template is Ready."""
    astray = peer("astray", nodeSelectors=[{"matchLabels": {"rack": "x"}}])
    found = status(observed(*world(more=astray)))
    [line] = [step for step in found.problems if step.hop == "Peers"]
    assert (line.reason, line.object) == (Reason.NO_SESSION_WANTED, "bgppeers.exalb.io/astray")
    assert status(observed(*world(more=astray, peer=peer("tor", template="astray", nodeSelectors=[{}])))).is_good


def test_misspelt_annotation_is_a_note() -> None:
    misspelt = assigned_service("shop/web", "198.51.100.1", day=2, annotations=wants(adresses="198.51.100.7"))
    found = status(observed(*world(service=misspelt)))
    assert (found.is_good, of_services(found.notes)) == (True, [("UnknownAnnotation", "service/web -n shop")])
