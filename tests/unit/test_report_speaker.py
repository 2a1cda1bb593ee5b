"""What a speaker writes of its sessions, and when it finds that all of it stands there already."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exalb.cluster import Cluster
from exalb.manifests import picture
from exalb.parse_resources import parse_speaker
from exalb.report import speaker_changes
from exalb.routes import RoutePlanner
from exalb_bgp.session import Family, SessionStatus, State
from exalb_bgp.speaker import SpeakerStatus
from tests.unit import objects

BEGAN = datetime(2026, 1, 5, 8, 0, 0, tzinfo=UTC)
UP = SessionStatus(state=State.ESTABLISHED, since=BEGAN, families=frozenset(Family))


def _reported(status: SessionStatus, before: dict[str, Any] | None = None, **peer: Any) -> dict[str, Any] | None:
    """Return the status that is written, or None; `before` is what stands there."""
    cluster, _ = picture([objects.node("n1", "10.0.0.1"), objects.peer("tor", **peer)], "exalb-system")
    if before:
        raw = {"metadata": {"name": "n1", "resourceVersion": "7", "uid": "u"}, "spec": {}, "status": before}
        cluster = replace(cluster, speakers={"n1": parse_speaker(raw)})
    return _written(cluster, status)


def _written(cluster: Cluster, status: SessionStatus) -> dict[str, Any] | None:
    plan = RoutePlanner("n1").plan(cluster)
    told = speaker_changes(
        cluster, plan, SpeakerStatus(True, dict.fromkeys(plan.sessions, status)), "2026-01-05T09:00:00Z"
    )
    return told.writes[0].body["status"] if told.writes else None


def test_a_session_that_stands_is_not_written_again() -> None:
    before = _reported(UP)
    assert before is not None
    assert before["sessions"][0]["since"] == "2026-01-05T08:00:00Z"
    assert _reported(UP, before) is None


@pytest.mark.parametrize("seconds", [-1, 1, 2])
def test_a_beginning_found_again_to_the_second_is_the_same(seconds: int) -> None:
    assert _reported(replace(UP, since=BEGAN + timedelta(seconds=seconds)), _reported(UP)) is None


def test_a_session_that_came_anew_is_written() -> None:
    written = _reported(replace(UP, since=BEGAN + timedelta(seconds=5)), _reported(UP))
    assert written is not None
    assert written["sessions"][0]["since"] == "2026-01-05T08:00:05Z"


def test_another_state_has_its_own_beginning() -> None:
    written = _reported(SessionStatus(state=State.ACTIVE, since=BEGAN + timedelta(seconds=1)), _reported(UP))
    assert written is not None
    assert written["sessions"][0]["since"] == "2026-01-05T08:00:01Z"


@pytest.mark.parametrize(
    ("agreed", "state", "says"),
    [
        pytest.param(False, State.ESTABLISHED, "(RFC 8950), so these are held back", id="refused"),
        pytest.param(True, State.ESTABLISHED, None, id="agreed"),
        pytest.param(False, State.ACTIVE, None, id="not-yet"),
    ],
)
def test_a_router_that_takes_no_ipv6_next_hops_is_told_of(agreed: bool, state: State, says: str | None) -> None:
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
    cluster, _ = picture([*both, *rest, *given], "exalb-system")
    if before:
        raw = {"metadata": {"name": "n1", "resourceVersion": "7", "uid": "u"}, "status": before}
        cluster = replace(cluster, speakers={"n1": parse_speaker(raw)})
    return _written(cluster, status)


def _said(status: dict[str, Any] | None) -> tuple[int, str, str, str]:
    """Return the figure, and status, reason and message of the condition."""
    assert status is not None
    (found,) = (one for one in status["conditions"] if one["type"] == "AllAnnounced")
    return status["withheld"], found["status"], found["reason"], found["message"]


def test_what_a_router_takes_no_prefixes_of_is_told() -> None:
    service = objects.service("web", "198.51.100.7", "2001:db8::7", **BOTH)
    slices = [objects.endpoints(), objects.endpoints(name="six", family="IPv6")]
    written = _announced(service, *slices, status=replace(UP, families=frozenset({Family.IPV4})))
    why = "the router takes no IPv6 prefixes in this session, so these are held back: have it activate"
    assert written is not None
    assert written["sessions"][0]["lastError"].startswith(why)
    figure, status, reason, message = _said(written)
    assert (figure, status, reason) == (0, "False", "SomeWithheld")
    assert message.startswith(f"BGPPeer tor-a: {why}")
    assert message.count("BGPPeer") == 2


def test_a_family_of_which_nothing_is_wanted_is_nobodys_loss() -> None:
    written = _announced(WEB, objects.endpoints(), status=replace(UP, families=frozenset({Family.IPV4})))
    assert _said(written)[1] == "True"
    assert written is not None
    assert "lastError" not in written["sessions"][0]


BOTH = {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}
WEB = objects.service("web", "198.51.100.7")


def _clash(prefix: str, peers: str, **meds: int) -> str:
    """Return what is said of advertisements that set MED to different values."""
    said = " and ".join(f"{name} says {med}" for name, med in meds.items())
    sentence = f"BGPAdvertisements disagree on med of {prefix}: {said}; nothing is told until they agree"
    return f"ConflictingAdvertisements (BGPPeer {peers}: {sentence})"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param([], (0, "True", "NothingWithheld", ""), id="nothing-to-tell"),
        pytest.param([WEB, objects.endpoints()], (0, "True", "NothingWithheld", ""), id="all-told"),
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
            (1, "False", "SomeWithheld", f"default/web 198.51.100.7: {_clash('198.51.100.7/32', 'tor-b', a=1, b=2)}"),
            id="with-the-peers-own-reason",
        ),
        pytest.param(
            [objects.service("web", "198.51.100.7", "2001:db8::7", **BOTH), objects.endpoints()],
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
                "; ".join(
                    f"default/web {told}: {_clash(prefix, name, **meds)}"
                    for told, prefix, name, meds in (
                        ("198.51.100.0/25", "198.51.100.0/25", "tor-a", {"d": 100, "e": 101}),
                        ("198.51.100.7", "198.51.100.7/32", "tor-b", {"b": 98, "c": 99}),
                    )
                ),
            ),
            id="each-prefix-where-another-is-told",
        ),
    ],
)
def test_what_is_withheld_is_named(given: list[objects.Object], says: tuple[int, str, str, str]) -> None:
    assert _said(_announced(*given)) == says


def test_each_conflict_has_its_sentence_and_the_peers_that_it_is_about() -> None:
    disagreeing = [objects.advertisement(name, med=ord(name)) for name in "ab"]
    only_b = [objects.advertisement("c", med=99, peers=["tor-b"])]
    both = _said(_announced(WEB, objects.endpoints(), *disagreeing))[3]
    assert both == f"default/web 198.51.100.7: {_clash('198.51.100.7/32', 'tor-a, tor-b', a=97, b=98)}"
    each = _said(_announced(WEB, objects.endpoints(), *disagreeing, *only_b))[3]
    clashes = [_clash("198.51.100.7/32", "tor-a", a=97, b=98), _clash("198.51.100.7/32", "tor-b", a=97, b=98, c=99)]
    assert each == f"default/web 198.51.100.7: {', '.join(clashes)}"


def test_a_name_of_a_community_that_nobody_gives_is_told() -> None:
    message = _said(_announced(WEB, objects.endpoints(), objects.advertisement(communities=["customers"])))[3]
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
    many = [objects.service(f"{'s' * 60}{number}", f"198.51.100.{number}") for number in range(9)]
    slices = [objects.endpoints(f"{'s' * 60}{number}") for number in range(9)]
    message = _said(_announced(*many, *slices, *peers, *meds))[3]
    assert "ConflictingAdvertisements" in message
    assert 20_000 < len(message) <= 32_768


def test_of_many_the_first_are_named_whatever_their_order() -> None:
    many = [objects.service(f"s{number:04}", f"198.51.100.{number}") for number in range(250)]
    many += [objects.peer(f"peer-{number}", peerAddress=f"203.0.113.{number}") for number in range(10, 60)]
    count, _, _, message = _said(_announced(*many))
    assert count == 250
    assert message.count("NoReadyEndpoints") == 5
    assert message.startswith("default/s0000 198.51.100.0: NoReadyEndpoints (BGPPeer peer-10, peer-11, peer-12 and 49")
    assert message.endswith("; and 245 more")
    assert len(message) < 1000
    assert _said(_announced(*reversed(many)))[3] == message


def test_what_is_withheld_still_is_not_written_again() -> None:
    many = [objects.service(f"s{number}", f"198.51.100.{number}") for number in range(9)]
    before = _announced(*many)
    assert before is not None
    assert _announced(*reversed(many), before=before) is None
    assert _said(_announced(*many[1:], before=before))[0] == 8
