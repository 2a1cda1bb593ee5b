"""Only speakers read Secrets; the controller learns from their reports which passwords cannot be used."""

from dataclasses import replace
from typing import Any

import pytest

from exalb.api.status import render_status
from exalb.kube.manifests import snapshot_of
from exalb.kube.store import Store
from exalb.model.cluster import Cluster
from exalb.model.kinds import SECRET, Program, watched_by
from exalb.model.parse_custom import parse_speaker
from exalb.report.speaker import speaker_changes
from exalb.validation.rules import Validator, validate
from exalb_bgp.speaker import SpeakerStatus
from tests.support.decisions import plan_of
from tests.support.objects import Object, node, peer, secret

WITH_KEY = peer("tor", passwordSecretRef={"name": "key"})
OTHER = peer("other", peerAddress="203.0.113.2", passwordSecretRef={"name": "key"})
NODES = [node("n1", "10.0.0.1"), node("n2", "10.0.0.2")]
MISSING = {"name": "key", "isMissing": True, "message": "Secret key not found in namespace lb: create it"}
WRONG = {"name": "key", "message": "Secret key is of type Opaque: make it of another"}
STALE = [
    {"type": "Ready", "status": "Unknown", "reason": "SpeakerNotReporting", "message": "", "lastTransitionTime": ""}
]


def controller_sees(*statuses: dict[str, Any], names: str = "n1 n2 n3") -> Cluster:
    """Return what the controller reads where speakers have written these statuses."""
    cluster, _ = snapshot_of([WITH_KEY, OTHER, *NODES], "exalb-system")
    raws = [
        {"metadata": {"name": name, "uid": name, "resourceVersion": "1"}, "spec": {}, "status": status}
        for name, status in zip(names.split(), statuses, strict=False)
    ]
    return replace(cluster, secrets=None, speakers={raw["metadata"]["name"]: parse_speaker(raw) for raw in raws})


def found(cluster: Cluster) -> dict[str, tuple[str, str]]:
    """Return what is wrong with each BGPPeer: reason and sentence."""
    return {finding.name: (finding.reason.value, finding.message) for finding in validate(cluster).invalid}


def report(*objects: Object, namespace: str = "exalb-system") -> dict[str, Any]:
    """Return what the speaker of n1 writes."""
    cluster, _ = snapshot_of([*objects, *NODES], namespace)
    changes = speaker_changes(cluster, plan_of("n1", cluster), SpeakerStatus(True, {}), "2026-01-05T09:00:00Z")
    status: dict[str, Any] = changes.writes[0].body["status"]
    return status


def test_controller_watches_no_secret() -> None:
    assert SECRET not in watched_by(Program.CONTROLLER)
    assert Store(watched_by(Program.CONTROLLER)).snapshot().secrets is None
    assert Store(watched_by(Program.SPEAKER)).snapshot().secrets == {}


@pytest.mark.parametrize(
    ("given", "reason", "words"),
    [
        pytest.param((), "SecretNotFound", "Secret key not found in namespace lb: create it", id="missing"),
        pytest.param((secret(namespace="exalb-system"),), "SecretNotFound", "in namespace lb", id="elsewhere"),
        pytest.param((secret(namespace="lb", kind="Opaque"),), "SecretUnusable", "of type Opaque", id="wrong-type"),
        pytest.param((secret(namespace="lb", password=""),), "SecretUnusable", "has no password", id="empty"),
    ],
)
def test_controller_says_what_speakers_found(given: tuple[Object, ...], reason: str, words: str) -> None:
    written = report(WITH_KEY, *given, namespace="lb")
    said = found(controller_sees(written, written))
    assert set(said) == {"tor", "other"}
    assert {found_reason for found_reason, _ in said.values()} == {reason}
    assert words in said["tor"][1]


def test_usable_secret_is_not_in_the_report() -> None:
    written = report(WITH_KEY, secret())
    assert not written.get("unusableSecrets")
    assert found(controller_sees(written)) == {}
    assert [active.name for active in validate(controller_sees(written)).peers] == ["other", "tor"]


def test_report_shows_no_password() -> None:
    assert "hush-hush" not in str(report(WITH_KEY, secret(password="hush-hush\n")))
    assert "hush-hush" not in str(report(WITH_KEY, secret(password="hush-hush")))


def test_secret_that_no_peer_names_is_not_in_the_report() -> None:
    assert not report(peer("plain"), secret("other", kind="Opaque")).get("unusableSecrets")


BAD = {"unusableSecrets": [MISSING]}
GOOD: dict[str, Any] = {}


@pytest.mark.parametrize(
    ("statuses", "is_wrong"),
    [
        pytest.param((), False, id="no-speaker-yet"),
        pytest.param((BAD,), True, id="the-only-one"),
        pytest.param((BAD, BAD), True, id="all"),
        pytest.param((BAD, GOOD), False, id="one-node-alone-binds-no-other"),
        pytest.param((BAD, {**GOOD, "conditions": STALE}), True, id="stale-reports-do-not-count"),
        pytest.param(({**BAD, "conditions": STALE},), False, id="all-stale"),
        pytest.param((BAD, BAD, GOOD), True, id="of-a-node-that-is-gone"),
        pytest.param(({"unusableSecrets": [{**MISSING, "name": "third"}]},), False, id="another-secret"),
    ],
)
def test_all_fresh_reports_must_agree(statuses: tuple[dict[str, Any], ...], is_wrong: bool) -> None:
    assert bool(found(controller_sees(*statuses))) is is_wrong


def test_rules_stay_the_same_object_while_reports_of_secrets_are_equal() -> None:
    validator = Validator()
    rules = validator.validate(controller_sees(BAD))
    first = controller_sees(BAD)
    assert validator.validate(first) is not rules, "other inputs"
    again = replace(first, speakers=controller_sees({**BAD, "heartbeat": "2026-01-05T09:00:00Z"}).speakers)
    assert validator.validate(again) is validator.validate(first)
    mended = replace(first, speakers=controller_sees(GOOD).speakers)
    assert not validator.validate(mended).invalid


def test_report_is_written_as_the_definition_has_it() -> None:
    written = parse_speaker(
        {"metadata": {"name": "n1", "uid": "u", "resourceVersion": "1"}, "status": {"unusableSecrets": [WRONG]}}
    )
    assert render_status(written.observed)["unusableSecrets"] == [{**WRONG, "isMissing": False}]
