"""A status that is written reads back as the same value, through the JSON of the API server."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exalb.api.definitions import RESOURCES
from exalb.api.schema import Condition, Model
from exalb.api.speaker import BGPSpeakerStatus, SessionReport
from exalb.api.status import parse_status, render_status
from exalb_bgp.session import State
from tests.support.objects import made

times = st.integers(1, 28).map(made)
words = st.text(max_size=20)
counts = st.integers(0, 1 << 40)
conditions = st.builds(
    Condition,
    type=words,
    status=st.sampled_from(["True", "False", "Unknown"]),
    reason=words,
    message=words,
    observed_generation=st.none() | counts,
    last_transition_time=times,
)
sessions = st.builds(
    SessionReport,
    peer=words,
    peer_address=st.none() | words,
    local_asn=st.none() | counts,
    peer_asn=st.none() | counts,
    state=st.sampled_from(State),
    since=st.none() | times,
    prefixes_wanted=counts,
    prefixes_sent=counts,
    last_error=st.none() | words,
)
reports = st.builds(
    BGPSpeakerStatus,
    sessions=st.lists(sessions, max_size=3).map(tuple),
    established=counts,
    wanted=counts,
    summary=st.none() | words,
    prefixes=counts,
    withheld=counts,
    partly_withheld=counts,
    heartbeat=st.none() | times,
    conditions=st.lists(conditions, max_size=3).map(tuple),
)


@given(reports)
def test_report_of_a_speaker_reads_back(report: BGPSpeakerStatus) -> None:
    assert parse_status(BGPSpeakerStatus, json.loads(json.dumps(render_status(report)))) == report


@given(st.data(), st.sampled_from([resource.status for resource in RESOURCES]))
def test_every_status_reads_back(data: st.DataObject, model: type[Model]) -> None:
    written = data.draw(st.builds(model, conditions=st.lists(conditions, max_size=3).map(tuple)))
    assert parse_status(model, json.loads(json.dumps(render_status(written)))) == written


@pytest.mark.parametrize("raw", [{"sessions": "none"}, {"sessions": [{"peer": "tor", "state": "Up"}]}, {"wanted": []}])
def test_status_that_cannot_be_read_counts_as_empty(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BGPSpeakerStatus.model_validate(raw)
    assert parse_status(BGPSpeakerStatus, raw) == BGPSpeakerStatus()
