"""Annotations for attributes that change nothing: said of the Service, which keeps its address and its route."""

from dataclasses import replace

import pytest

from exalb.allocation.allocator import Allocator
from exalb.kube.manifests import snapshot_of
from exalb.report.controller import ControllerReporter
from exalb.validation.rules import validate
from tests.support.objects import Object, advertisement, assigned, made, node, peer, planned, pool, service, wants

OPEN = advertisement("open", allowServiceOverrides=True)
REST = [pool("main", "198.51.100.0/24"), node()]
EBGP, IBGP = peer("ebgp"), peer("ibgp", peerASN=64512, peerAddress="203.0.113.2")
NOT_ALLOWED = "no effect: no BGPAdvertisement that selects the Service has allowServiceOverrides or serviceOverrides"
MED_ALONE = advertisement("med", serviceOverrides={"med": {"max": 5}})
AGGREGATES = advertisement("wide", allowServiceOverrides=True, aggregationLength=24)
OTHERS = [{"matchLabels": {"app": "other"}}]
APP = [{"matchLabels": {"app": "web"}}]
TO_NOBODY = advertisement(allowServiceOverrides=True, peers=["nosuch"])
REACHES = "no effect: BGPAdvertisement all allows it but selects no session: see its peers and nodeSelectors"
OPEN_TO_EBGP = advertisement("open", allowServiceOverrides=True, peers=["ebgp"])
NOT_WEB = [{"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}]
FROM_N1_TO_EBGP = advertisement(allowServiceOverrides=True, peers=["ebgp"], nodeSelectors=NOT_WEB)


def web(**wishes: str) -> Object:
    """Return a Service with these wishes."""
    return service("web", annotations=wants(**wishes))


@pytest.mark.parametrize(
    ("objects", "says"),
    [
        pytest.param([web(med="5"), EBGP], [f"exalb.io/med has {NOT_ALLOWED}"], id="no-advertisement"),
        pytest.param([web(med="5"), EBGP, advertisement(med=1)], [f"exalb.io/med has {NOT_ALLOWED}"], id="not-allowed"),
        pytest.param(
            [web(med="5", communities=""), EBGP, advertisement(allowServiceOverrides=True, serviceSelectors=OTHERS)],
            [f"exalb.io/communities and exalb.io/med have {NOT_ALLOWED}"],
            id="allowed-to-others",
        ),
        pytest.param(
            [web(med="5"), EBGP, advertisement(allowServiceOverrides=True, ipAddressPools=["other"])],
            [f"exalb.io/med has {NOT_ALLOWED}"],
            id="allowed-for-another-pool",
        ),
        pytest.param([web(med="5"), EBGP, OPEN], [], id="allowed"),
        pytest.param([web(med="5"), EBGP, OPEN, advertisement()], [], id="allowed-by-one-of-two"),
        pytest.param(
            [web(med="5"), EBGP, AGGREGATES],
            ["exalb.io/med has no effect: BGPAdvertisement wide allows it but announces aggregates only"],
            id="aggregates",
        ),
        pytest.param([web(med="5"), EBGP, AGGREGATES, OPEN], [], id="host-routes-too"),
        pytest.param([web(med="5"), EBGP, TO_NOBODY], [f"exalb.io/med has {REACHES}"], id="to-no-peer"),
        pytest.param(
            [web(med="5"), EBGP, advertisement(allowServiceOverrides=True, nodeSelectors=OTHERS)],
            [f"exalb.io/med has {REACHES}"],
            id="from-no-node",
        ),
        pytest.param(
            [web(med="5"), peer("ebgp", nodeSelectors=APP), IBGP, node("n2", app="web"), FROM_N1_TO_EBGP],
            [f"exalb.io/med has {REACHES}"],
            id="to-a-peer-of-other-nodes",
        ),
        pytest.param([web(med="5"), EBGP, OPEN, TO_NOBODY], [], id="to-no-peer-by-one-of-two"),
        pytest.param([web(med="5"), TO_NOBODY], [], id="to-no-peer-where-none-is-there-yet"),
        pytest.param(
            [web(local_pref="5"), EBGP, IBGP, OPEN_TO_EBGP, TO_NOBODY],
            ["exalb.io/local-pref has no effect: it is sent to iBGP peers only"],
            id="local-pref-to-ebgp-and-to-nobody",
        ),
        pytest.param([web(local_pref="5"), EBGP, OPEN], ["exalb.io/local-pref has no effect"], id="local-pref-to-ebgp"),
        pytest.param([web(local_pref="5"), IBGP, OPEN], [], id="local-pref-to-ibgp"),
        pytest.param([web(local_pref="5"), EBGP, IBGP, OPEN], [], id="local-pref-to-one-of-two"),
        pytest.param([web(local_pref="5"), OPEN], [], id="local-pref-to-nobody"),
        pytest.param([web(as_path_prepend="2"), EBGP, OPEN], [], id="prepend-to-ebgp"),
        pytest.param(
            [web(as_path_prepend="2", local_pref="1"), IBGP, OPEN],
            ["exalb.io/as-path-prepend has no effect"],
            id="prepend-to-ibgp",
        ),
        pytest.param([web(as_path_prepend="0"), IBGP, OPEN], [], id="no-prepend-to-ibgp"),
        pytest.param([web(med="5"), EBGP, MED_ALONE], [], id="listed"),
        pytest.param(
            [web(med="6"), EBGP, MED_ALONE],
            ["exalb.io/med: BGPAdvertisement med does not allow 6: request a number from 0 to 5"],
            id="value-not-allowed",
        ),
        pytest.param(
            [web(med="5", local_pref="5", communities="1:1"), EBGP, MED_ALONE],
            ["exalb.io/communities and exalb.io/local-pref have no effect: serviceOverrides of BGPAdvertisement med"],
            id="attribute-not-listed",
        ),
        pytest.param([web(local_pref="5"), IBGP, MED_ALONE, OPEN], [], id="listed-by-one-of-two"),
        pytest.param([web(med="much"), EBGP], ["exalb.io/med: 'much' is not a number"], id="what-cannot-be-read"),
        pytest.param([web(pool="nowhere", med="5"), EBGP], [], id="no-address-yet"),
        pytest.param([service(loadBalancerClass="x.org/y", annotations=wants(med="5")), EBGP], [], id="not-ours"),
    ],
)
def test_override_without_effect_reported(objects: list[Object], says: list[str]) -> None:
    found = [one for one in planned(*REST, *objects).get("notes", []) if one["kind"] == "Service"]
    assert [one["field"] for one in found] == ["metadata.annotations"] * len(says)
    assert all(part in one["message"] for part, one in zip(says, found, strict=True))


def test_the_service_is_told_when_an_advertisement_changes() -> None:
    """A Service that did not change itself is looked at again."""
    held = service("web", "198.51.100.0", annotations=wants(med="5"))
    reporter, allocator = ControllerReporter(), Allocator()
    before = snapshot_of([*REST, EBGP, held, OPEN], "x")[0]
    changes = reporter.changes(before, validate(before), allocator.allocate(before, validate(before)), made(2))
    (write,) = (one for one in changes.writes if one.kind == "Service")
    assert [one["type"] for one in write.body["status"]["conditions"]] == [
        "exalb.io/AddressAssigned",
        "exalb.io/AddressRecord",
    ]
    right = snapshot_of([*REST, EBGP, assigned(held), OPEN], "x")[0]
    changes = reporter.changes(right, validate(right), allocator.allocate(right, validate(right)), made(3))
    assert not [one for one in changes.writes if one.kind == "Service"]
    after = replace(right, advertisements=snapshot_of([advertisement("open")], "x")[0].advertisements)
    changes = reporter.changes(after, validate(after), allocator.allocate(after, validate(after)), made(4))
    (write,) = (one for one in changes.writes if one.kind == "Service")
    assert [one["reason"] for one in write.body["status"]["conditions"]] == ["AnnotationWithoutEffect"]
    assert [one.reason for one in changes.events if one.kind == "Service"] == ["AnnotationWithoutEffect"]
