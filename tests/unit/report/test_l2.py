"""L2 in the report of a node, in the conditions of L2Advertisements, and on the Services."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from exalb.api.l2 import L2Report
from exalb.api.reasons import ConditionType
from exalb.api.speaker import BGPSpeakerStatus
from exalb.kube.manifests import snapshot_of
from exalb.model.local_node import Gateway, LocalNode
from exalb.report.announcements import AnnouncementReporter
from exalb.report.conditions import status_patch
from exalb.report.l2 import l2_conditions, l2_report
from exalb_bgp.session import Family
from exalb_l2.goal import Held, Interface, L2Status, Problem, Sysctls
from tests.support import objects
from tests.support.decisions import allocation_of, changes_of
from tests.support.objects import Object, assigned_service, l2_advertisement, l2_speaker, node, pool

WEB, API = ip_address("10.0.0.100"), ip_address("2001:db8::1")
ETH0 = Interface("eth0", bytes.fromhex("020000000001"), (ip_interface("10.0.0.1/24"),))
STATUS = L2Status(
    True, (ETH0,), {WEB: Held(("eth0",), 1.0), API: Held(("eth0",), 5.5)}, {WEB: Problem("02:00:00:00:00:09", "n2")}
)
PACKED = ["10.0.0.0/24 AAAAAAAAAAAAAAAAEA"]


def test_report_has_what_the_process_says() -> None:
    report = l2_report(STATUS, None)
    assert report
    found = report.model_dump(by_alias=True, mode="json")
    assert found["interfaces"] == [{"name": "eth0", "mac": "02:00:00:00:00:01", "addresses": ["10.0.0.1/24"]}]
    assert (found["connected"], found["addresses"]) == (True, 2)
    assert found["conflicts"] == [{"address": "10.0.0.100", "mac": "02:00:00:00:00:09", "node": "n2"}]
    assert found["announced"] == [*PACKED, "2001:db8::/120 Ag"]
    assert found["since"] == "1970-01-01T00:00:05Z", "the newest announcement"


def test_report_of_a_node_that_announces_nothing_has_no_time() -> None:
    report = l2_report(replace(STATUS, held={}), None)
    assert report
    assert (report.addresses, report.since) == (0, None)


def test_report_of_before_stays_until_the_process_answers() -> None:
    before = l2_report(STATUS, None)
    assert before
    assert l2_report(L2Status(), before) == before.model_copy(update={"connected": False})
    assert l2_report(L2Status(), None) == L2Report(connected=False)


def effective(*more: Object, **spec: Any) -> tuple[str, str, str]:
    raw = [pool("lan", "10.0.0.100-10.0.0.200"), l2_advertisement(**spec), node("n1", "10.0.0.1"), *more]
    cluster, _ = snapshot_of(raw, "exalb-system")
    (write,) = (one for one in changes_of(cluster, objects.made(2)).writes if one.kind == "L2Advertisement")
    (found,) = (one for one in write.body["status"]["conditions"] if one["type"] == "Effective")
    return found["status"], found["reason"], found["message"]


@pytest.mark.parametrize(
    ("speaker", "spec", "reason", "words"),
    [
        (l2_speaker("n1", "10.0.0.1/24"), {}, "NoWarnings", ""),
        (l2_speaker("n1", "10.0.0.1/24"), {"interfaces": ["eth0"]}, "NoWarnings", ""),
        (l2_speaker("n1", "10.0.0.1/24"), {"interfaces": ["eth7"]}, "NoInterface", "there is eth0"),
        (l2_speaker("n1", "192.0.2.1/24"), {}, "NoInterface", "pool lan"),
        (l2_speaker("n1", "2001:db8::1/64"), {}, "NoInterface", "pool lan"),
        (l2_speaker("n1", "10.0.0.1/24"), {"nodeSelectors": [{"matchLabels": {"a": "b"}}]}, "SelectsNothing", "Node"),
        ({**l2_speaker("n1"), "status": {}}, {}, "L2NotRunning", "speaker.l2.enabled"),
    ],
)
def test_advertisement_says_what_has_no_effect(speaker: Object, spec: Any, reason: str, words: str) -> None:
    status, found, message = effective(speaker, **spec)
    assert (status, found) == ("True" if reason == "NoWarnings" else "False", reason)
    assert words in message


def test_status_of_an_advertisement_has_its_columns() -> None:
    raw = [pool("lan", "10.0.0.100-10.0.0.200"), l2_advertisement(ipAddressPools=["lan", "x"], interfaces=["eth0"])]
    cluster, _ = snapshot_of(raw, "exalb-system")
    (write,) = (one for one in changes_of(cluster, objects.made(2)).writes if one.kind == "L2Advertisement")
    status = write.body["status"]
    assert (status["pools"], status["interfaces"]) == ("lan, x", "eth0")
    (ready,) = (one for one in status["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "UnknownPool")


@pytest.mark.parametrize("announced", [PACKED, None])
def test_service_says_by_how_many_nodes_it_is_announced(announced: list[str] | None) -> None:
    raw = [
        *(pool("lan", "10.0.0.100-10.0.0.200"), l2_advertisement(), node("n1", "10.0.0.1")),
        assigned_service("web", "10.0.0.100"),
        l2_speaker("n1", "10.0.0.1/24", l2={"announced": announced}),
    ]
    cluster, _ = snapshot_of(raw, "exalb-system")
    reporter = AnnouncementReporter()
    outcomes = allocation_of(cluster).outcomes
    first = reporter.changes(cluster, outcomes, (), objects.made(2), 0.0)
    later = reporter.changes(cluster, outcomes, (), objects.made(2), 11.0)
    write = (*first.writes, *later.writes)[-1]
    (found,) = (one for one in write.body["status"]["conditions"] if one["type"] == "exalb.io/Announced")
    if announced:
        assert (found["status"], found["message"]) == ("True", "announced by 1 node on the LAN")
    else:
        assert (found["status"], found["reason"]) == ("False", "NotAnnounced")


def test_patch_removes_what_the_report_no_longer_has() -> None:
    """A merge patch of an object keeps the fields that it does not name."""
    patch = status_patch(
        {"l2": {"connected": True, "announced": PACKED}}, BGPSpeakerStatus(l2=L2Report(connected=True))
    )
    assert patch
    assert patch["l2"]["announced"] is None


def test_advertisement_that_cannot_be_read_has_no_columns() -> None:
    cluster, _ = snapshot_of([l2_advertisement(interfaces="eth0")], "exalb-system")
    (write,) = (one for one in changes_of(cluster, objects.made(2)).writes if one.kind == "L2Advertisement")
    assert "interfaces" not in write.body["status"]
    (ready,) = (one for one in write.body["status"]["conditions"] if one["type"] == "Ready")
    assert ready["status"] == "False"


GATEWAY_1 = LocalNode({Family.IPV4: Gateway(ip_address("192.0.2.1"), "eth1")})
GATEWAY_0 = LocalNode({Family.IPV4: Gateway(ip_address("10.0.0.254"), "eth0")})
ON_IPVS, ON_IPVS_6 = {WEB: "kube-ipvs0"}, {API: "kube-ipvs0"}


@pytest.mark.parametrize(
    ("sysctls", "local", "host", "reason"),
    [
        pytest.param(Sysctls(0, 0), {}, GATEWAY_1, "NoWarnings", id="the-defaults"),
        pytest.param(Sysctls(0, 0), ON_IPVS, GATEWAY_1, "ArpNotStrict", id="IPVS"),
        pytest.param(Sysctls(1, 0), ON_IPVS, GATEWAY_1, "NoWarnings", id="IPVS-with-strict-ARP"),
        pytest.param(Sysctls(0, 0), ON_IPVS_6, GATEWAY_1, "NoWarnings", id="IPv6-kernels-do-not-answer"),
        pytest.param(Sysctls(0, 1), {}, GATEWAY_1, "ReversePathFilter", id="the-way-back-is-another"),
        pytest.param(Sysctls(0, 1), {}, GATEWAY_0, "NoWarnings", id="the-way-back-is-the-same"),
        pytest.param(Sysctls(0, 1), {}, LocalNode({}), "NoWarnings", id="no-way-to-other-subnets"),
        pytest.param(Sysctls(0, 1), {}, LocalNode(), "NoWarnings", id="nobody-looked"),
        pytest.param(Sysctls(0, 2), {}, GATEWAY_1, "NoWarnings", id="loose"),
        pytest.param(Sysctls(0, 1), ON_IPVS, GATEWAY_1, "ArpNotStrict", id="both"),
    ],
)
def test_settings_of_the_kernel(sysctls: Sysctls, local: dict[Any, str], host: LocalNode, reason: str) -> None:
    (found,) = l2_conditions(replace(STATUS, sysctls={"eth0": sysctls}, local=local), host)
    assert found.type is ConditionType.L2_EFFECTIVE
    assert (found.status, found.reason.value) == ("True" if reason == "NoWarnings" else "False", reason)
    assert ("eth0" in found.message) == (reason != "NoWarnings")


def test_interface_that_is_gone_has_no_settings() -> None:
    (found,) = l2_conditions(STATUS, GATEWAY_1)
    assert found.status == "True"


@pytest.mark.parametrize("status", [None, L2Status()])
def test_no_condition_where_l2_is_off_or_silent(status: L2Status | None) -> None:
    assert l2_conditions(status, GATEWAY_1) == []
