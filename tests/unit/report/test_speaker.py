"""The report of a speaker: its sessions and withheld routes, and when nothing is to be written."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from exalb.api.announced import pack
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster
from exalb.model.parse_custom import parse_speaker
from exalb.report.speaker import speaker_changes
from exalb_bgp.session import Family, SessionCounts, SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from tests.support import objects
from tests.support.decisions import plan_of

BEGAN = datetime(2026, 1, 5, 8, 0, 0, tzinfo=UTC)
UP = SessionStatus(state=State.ESTABLISHED, since=BEGAN, families=frozenset(Family))


def _reported(status: SessionStatus, before: dict[str, Any] | None = None, **peer: Any) -> dict[str, Any] | None:
    """Return the status that is written, or None; `before` is the current one."""
    cluster, _ = snapshot_of([objects.node("n1", "10.0.0.1"), objects.peer("tor", **peer)], "exalb-system")
    if before:
        raw = {"metadata": {"name": "n1", "resourceVersion": "7", "uid": "u"}, "spec": {}, "status": before}
        cluster = replace(cluster, speakers={"n1": parse_speaker(raw)})
    return _written(cluster, status)


def _written(cluster: Cluster, status: SessionStatus) -> dict[str, Any] | None:
    plan = plan_of("n1", cluster)
    changes = speaker_changes(
        cluster, plan, SpeakerStatus(True, dict.fromkeys(plan.sessions, status)), "2026-01-05T09:00:00Z"
    )
    return changes.writes[0].body["status"] if changes.writes else None


def test_unchanged_session_is_not_written_again() -> None:
    before = _reported(UP)
    assert before is not None
    assert before["sessions"][0]["since"] == "2026-01-05T08:00:00Z"
    assert _reported(UP, before) is None


@pytest.mark.parametrize("seconds", [-1, 1, 2])
def test_begin_within_two_seconds_is_the_same(seconds: int) -> None:
    assert _reported(replace(UP, since=BEGAN + timedelta(seconds=seconds)), _reported(UP)) is None


def test_new_session_is_written() -> None:
    written = _reported(replace(UP, since=BEGAN + timedelta(seconds=5)), _reported(UP))
    assert written is not None
    assert written["sessions"][0]["since"] == "2026-01-05T08:00:05Z"


def test_end_of_a_session_is_reported_and_costs_no_write_later() -> None:
    """A new speaker, which saw no end, reads what was reported before; so does one whose session is long at rest."""
    counts = SessionCounts(established=2, closed=1, ends=(BEGAN,), why="hold timer expired")
    before = _reported(replace(UP, counts=counts))
    assert before is not None
    session = before["sessions"][0]
    assert (session["ended"], session["endedBecause"]) == (["2026-01-05T08:00:00.000000Z"], "hold timer expired")
    assert _reported(UP, before) is None


def test_ends_of_a_session_with_another_router_are_not_its_own() -> None:
    counts = SessionCounts(established=2, closed=1, ends=(BEGAN,), why="hold timer expired")
    written = _reported(UP, _reported(replace(UP, counts=counts)), peerAddress="203.0.113.2")
    assert written is not None
    assert {"ended", "endedBecause"} & written["sessions"][0].keys() == set()


def test_session_that_never_went_down_has_no_end() -> None:
    before = _reported(UP)
    assert before is not None
    assert {"ended", "endedBecause"} & before["sessions"][0].keys() == set()


def test_another_state_has_its_own_begin() -> None:
    written = _reported(SessionStatus(state=State.ACTIVE, since=BEGAN + timedelta(seconds=1)), _reported(UP))
    assert written is not None
    assert written["sessions"][0]["since"] == "2026-01-05T08:00:01Z"


@pytest.mark.parametrize(
    ("agreed", "state", "says"),
    [
        pytest.param(False, State.ESTABLISHED, "did not negotiate IPv6 next hops", id="refused"),
        pytest.param(True, State.ESTABLISHED, None, id="agreed"),
        pytest.param(False, State.ACTIVE, None, id="not-yet"),
    ],
)
def test_router_without_extended_next_hop_is_reported(agreed: bool, state: State, says: str | None) -> None:
    status = replace(UP, state=state, extended_next_hop=agreed)
    written = _reported(status, peerAddress="2001:db8:113::1", extendedNextHop=True)
    assert written is not None
    said = written["sessions"][0].get("lastError")
    assert said is None if says is None else said is not None and says in said


def _announced(
    *given: objects.Object, before: dict[str, Any] | None = None, status: SessionStatus = UP
) -> dict[str, Any] | None:
    """Return the status that the speaker of n1 writes, which has two peers, or None."""
    both = [objects.peer("tor-a", peerAddress="203.0.113.1"), objects.peer("tor-b", peerAddress="203.0.113.2")]
    rest = [objects.pool("main", "198.51.100.0/24", "2001:db8::/64"), objects.node("n1", "10.0.0.1", "fd00::1")]
    cluster, _ = snapshot_of([*both, *rest, *given], "exalb-system")
    if before:
        raw = {"metadata": {"name": "n1", "resourceVersion": "7", "uid": "u"}, "status": before}
        cluster = replace(cluster, speakers={"n1": parse_speaker(raw)})
    return _written(cluster, status)


def _said(status: dict[str, Any] | None) -> tuple[int, str, str, str]:
    """Return how many routes are withheld from some peer, and status, reason and message without sentences."""
    assert status is not None
    (found,) = (row for row in status["conditions"] if row["type"] == "AllAnnounced")
    message = re.sub(r"(BGPPeer [^:)]*): (?:[^()]|\([^)]*\))*\)", r"\1: …)", found["message"])
    count = status.get("withheld", 0) + status.get("partlyWithheld", 0)
    return count, found["status"], found["reason"], message


def _message(status: dict[str, Any] | None) -> str:
    assert status is not None
    (found,) = (row for row in status["conditions"] if row["type"] == "AllAnnounced")
    return str(found["message"])


def test_family_that_the_router_does_not_negotiate_is_reported() -> None:
    service = objects.assigned_service("web", "198.51.100.7", "2001:db8::7", **BOTH)
    slices = [objects.endpoints(), objects.endpoints(name="six", family="IPv6")]
    written = _announced(service, *slices, status=replace(UP, families=frozenset({Family.IPV4})))
    assert written is not None
    error = written["sessions"][0]["lastError"]
    assert "did not negotiate IPv6 unicast" in error
    assert _said(written)[:3] == (0, "False", "SomeWithheld")
    assert _message(written) == f"BGPPeer tor-a: {error}; BGPPeer tor-b: {error}"


def test_family_without_routes_is_not_missed() -> None:
    written = _announced(WEB, objects.endpoints(), status=replace(UP, families=frozenset({Family.IPV4})))
    assert _said(written)[1] == "True"
    assert written is not None
    assert "lastError" not in written["sessions"][0]


BOTH = {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}
WEB = objects.assigned_service("web", "198.51.100.7")


def _clash(peers: str) -> str:
    """Return the part of a message about advertisements that set MED to different values, without its sentence."""
    return f"ConflictingAdvertisements (BGPPeer {peers}: …)"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param([], (0, "True", "NothingWithheld", ""), id="nothing-to-announce"),
        pytest.param([WEB, objects.endpoints()], (0, "True", "NothingWithheld", ""), id="all-announced"),
        pytest.param(
            [WEB],
            (1, "False", "SomeWithheld", "default/web 198.51.100.7: NoReadyEndpoints (BGPPeer tor-a, tor-b)"),
            id="from-two-peers-it-counts-once",
        ),
        pytest.param(
            [WEB, objects.endpoints(), objects.advertisement(peers=["tor-b"])],
            (1, "False", "SomeWithheld", "default/web 198.51.100.7: NoMatchingAdvertisement (BGPPeer tor-a)"),
            id="from-one-peer-of-two",
        ),
        pytest.param(
            [WEB, objects.endpoints(), objects.peer("six", peerAddress="203.0.113.3", families=["IPv6"])],
            (0, "True", "NothingWithheld", ""),
            id="not-from-a-peer-of-the-other-family",
        ),
        pytest.param(
            [
                *(WEB, objects.endpoints(), objects.advertisement("a", med=1)),
                objects.advertisement("b", med=2, peers=["tor-b"]),
                objects.advertisement("c", peers=["tor-a"], serviceSelectors=[{"matchLabels": {"no": "one"}}]),
            ],
            (1, "False", "SomeWithheld", f"default/web 198.51.100.7: {_clash('tor-b')}"),
            id="with-the-peers-own-reason",
        ),
        pytest.param(
            [objects.assigned_service("web", "198.51.100.7", "2001:db8::7", **BOTH), objects.endpoints()],
            (1, "False", "SomeWithheld", "default/web 2001:db8::7: NoReadyEndpoints (BGPPeer tor-a, tor-b)"),
            id="each-address-for-itself",
        ),
        pytest.param(
            [
                *(WEB, objects.endpoints(), objects.advertisement("a", aggregationLength=24)),
                *(objects.advertisement(name, med=ord(name), peers=["tor-b"]) for name in "bc"),
                *(objects.advertisement(name, med=ord(name), peers=["tor-a"], aggregationLength=25) for name in "de"),
            ],
            (
                2,
                "False",
                "SomeWithheld",
                f"default/web 198.51.100.0/25: {_clash('tor-a')}; default/web 198.51.100.7: {_clash('tor-b')}",
            ),
            id="each-prefix-where-another-is-announced",
        ),
    ],
)
def test_withheld_routes_are_named(given: list[objects.Object], says: tuple[int, str, str, str]) -> None:
    assert _said(_announced(*given)) == says


def test_each_conflict_has_its_sentence_and_its_peers() -> None:
    disagreeing = [objects.advertisement(name, med=ord(name)) for name in "ab"]
    only_b = [objects.advertisement("c", med=99, peers=["tor-b"])]
    both = _announced(WEB, objects.endpoints(), *disagreeing)
    assert _said(both)[3] == f"default/web 198.51.100.7: {_clash('tor-a, tor-b')}"
    each = _announced(WEB, objects.endpoints(), *disagreeing, *only_b)
    assert _said(each)[3] == f"default/web 198.51.100.7: {_clash('tor-a')}, {_clash('tor-b')}"
    assert all(value in _message(each) for value in ("97", "98", "99"))


def test_route_announced_to_another_peer_is_partly_withheld() -> None:
    written = _announced(WEB, objects.endpoints(), objects.advertisement(peers=["tor-b"]))
    assert written is not None
    assert (written["prefixes"], written["withheld"], written["partlyWithheld"]) == (1, 0, 1)
    nowhere = _announced(WEB)
    assert nowhere is not None
    assert (nowhere["prefixes"], nowhere["withheld"], nowhere["partlyWithheld"]) == (0, 1, 0)


def test_unknown_community_is_named() -> None:
    message = _message(_announced(WEB, objects.endpoints(), objects.advertisement(communities=["customers"])))
    assert "UnknownCommunity (BGPPeer tor-a, tor-b: " in message
    assert "customers" in message


def test_the_longest_message_is_one_that_the_api_server_takes() -> None:
    names = [str(number).rjust(250, "x") for number in range(5)]
    peers = [objects.peer(name, peerAddress=f"203.0.113.{at}") for at, name in enumerate(names, 10)]
    meds = [
        objects.advertisement(f"{at}-{name}"[:253], med=at * 5 + of, peers=[name])
        for of, name in enumerate(names)
        for at in range(9)
    ]
    many = [objects.assigned_service(f"{'s' * 60}{number}", f"198.51.100.{number}") for number in range(9)]
    slices = [objects.endpoints(f"{'s' * 60}{number}") for number in range(9)]
    message = _message(_announced(*many, *slices, *peers, *meds))
    assert "ConflictingAdvertisements" in message
    assert 20_000 < len(message) <= 32_768


def test_first_withheld_routes_are_named_in_order() -> None:
    many = [objects.assigned_service(f"s{number:04}", f"198.51.100.{number}") for number in range(250)]
    many += [objects.peer(f"peer-{number}", peerAddress=f"203.0.113.{number}") for number in range(10, 60)]
    count, _, _, message = _said(_announced(*many))
    assert count == 250
    assert message.count("NoReadyEndpoints") == 5
    assert message.startswith("default/s0000 198.51.100.0: NoReadyEndpoints (BGPPeer peer-10, peer-11, peer-12 and 49")
    assert message.endswith("; and 245 more")
    assert len(message) < 1000
    assert _said(_announced(*reversed(many)))[3] == message


def test_unchanged_withheld_routes_are_not_written_again() -> None:
    many = [objects.assigned_service(f"s{number}", f"198.51.100.{number}") for number in range(9)]
    before = _announced(*many)
    assert before is not None
    assert _announced(*reversed(many), before=before) is None
    assert _said(_announced(*many[1:], before=before))[0] == 8


def test_heartbeat_is_renewed_once_a_minute() -> None:
    before = _reported(UP)
    assert before is not None
    assert before["heartbeat"] == "2026-01-05T09:00:00Z"
    for heartbeat, written in (("2026-01-05T08:59:01Z", None), ("2026-01-05T08:59:00Z", {"heartbeat"})):
        status = _reported(UP, before | {"heartbeat": heartbeat})
        assert (status and set(status)) == written


def test_clock_that_was_set_back_renews_the_heartbeat() -> None:
    before = _reported(UP)
    assert before is not None
    assert _reported(UP, before | {"heartbeat": "2026-01-05T10:00:00Z"}) == {"heartbeat": "2026-01-05T09:00:00Z"}


def test_report_without_heartbeat_gets_one() -> None:
    before = _reported(UP)
    assert before is not None
    del before["heartbeat"]
    assert _reported(UP, before) == {"heartbeat": "2026-01-05T09:00:00Z"}


def test_speaker_replaces_the_mark_of_a_stale_report() -> None:
    before = _reported(UP)
    assert before is not None
    mark = {"type": "Ready", "status": "Unknown", "reason": "SpeakerNotReporting", "lastTransitionTime": "x"}
    written = _reported(UP, before | {"conditions": [mark, *before["conditions"][1:]]})
    assert written is not None
    assert written["conditions"][0]["reason"] == "EngineConnected"


def test_engine_that_does_not_answer_is_reported() -> None:
    cluster, _ = snapshot_of([objects.node("n1", "10.0.0.1")], "exalb-system")
    (write,) = speaker_changes(cluster, plan_of("n1", cluster), SpeakerStatus(), objects.made(1)).writes
    ready = write.body["status"]["conditions"][0]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", "EngineNotConnected")


def test_speaker_of_an_unknown_node_writes_nothing() -> None:
    """The report belongs to the Node, which the API server deletes it with."""
    cluster, _ = snapshot_of([], "exalb-system")
    assert not speaker_changes(cluster, plan_of("n1", cluster), SpeakerStatus(), objects.made(1)).writes


def test_too_many_unsent_prefixes_keep_those_of_the_report_before() -> None:
    """A table that is too long to compare: what the peer had, and is still wanted, counts."""
    api = objects.assigned_service("api", "198.51.100.8")
    before = _announced(WEB, api, objects.endpoints(), objects.endpoints("api"))
    unknown = replace(UP, sent=1, unsent=None)
    assert _packed(_announced(WEB, objects.endpoints(), status=unknown)) is None
    kept = _announced(WEB, objects.endpoints(), before=before, status=unknown)
    assert _packed(kept) == list(pack([ip_network("198.51.100.7")]) or ())


def _packed(status: dict[str, Any] | None) -> Any:
    """Return what the first session is reported to announce; None if that is not known."""
    assert status is not None
    return status["sessions"][0].get("announced")
