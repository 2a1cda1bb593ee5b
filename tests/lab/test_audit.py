"""The audit log as tests read it, while the API server writes it."""

import json
from pathlib import Path

from tests.lab.audit import LONGEST_LINE, AuditLog


def _line(verb: str) -> bytes:
    moment = "2026-01-01T00:00:00.000000Z"
    event = {"requestReceivedTimestamp": moment, "stageTimestamp": moment, "user": {"username": "it"}, "verb": verb}
    return json.dumps(event).encode() + b"\n"


def test_end_is_never_in_the_midst_of_a_line(tmp_path: Path) -> None:
    """A request whose line was half written is one that came after it."""
    log, written = AuditLog(tmp_path), tmp_path / "audit.log"
    written.write_bytes(b"")
    assert (log.end, log.requests(log.end)) == (0, [])
    first, second = _line("create"), _line("patch")
    for cut in range(len(second)):
        written.write_bytes(first + second[:cut])
        end = log.end
        written.write_bytes(first + second)
        assert [request.verb for request in log.writes(end)] == ["patch"]
    assert log.writes(log.end) == []


def test_end_of_a_long_log(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    lines = _line("create") * (LONGEST_LINE // len(_line("create")) + 2)
    (tmp_path / "audit.log").write_bytes(lines + _line("patch")[:-1])
    assert log.end == len(lines)
