"""Ends of a session count once: not again when the clock of its node, set back, reaches their times once more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from exalb.kube.manifests import snapshot_of
from exalb.model.parse_custom import parse_speaker
from exalb.report.flaps import flaps
from exalb.report.speaker import speaker_changes
from exalb.runtime.times import time_text
from exalb_bgp.events import CloseCause, Closed, Established
from exalb_bgp.session import KEPT_ENDS
from exalb_bgp.speaker_sync import SpeakerSync
from tests.support.decisions import plan_of
from tests.support.objects import node, peer

ROUTER = ip_address("203.0.113.1")
MINUTES = 60.0


class Machine:
    """A node with a clock that somebody sets, a session that ends at once, and a speaker that reports."""

    def __init__(self) -> None:
        self.cluster, _ = snapshot_of([node("n1", "10.0.0.1"), peer("tor")], "exalb-system")
        self.plan = plan_of("n1", self.cluster)
        self.now = datetime(2026, 1, 5, 9, tzinfo=UTC)
        self.restart()

    def restart(self) -> None:
        """Start another speaker, which remembers nothing."""
        self.sync = SpeakerSync()
        self.sync.set_desired(self.plan.speaker, {})

    def end(self, times: int = KEPT_ENDS) -> None:
        """End the session as often as this, a second apart, and report each time."""
        for _ in range(times):
            for event in (Established(ROUTER), Closed(ROUTER, CloseCause.LOST), Established(ROUTER)):
                self.sync.handle_event(event, self.now)
            self.flaps_within(1, every=1)

    def set_clock(self, seconds: float) -> None:
        """Set the clock forward, or back by a negative number."""
        self.now += timedelta(seconds=seconds)

    def flaps_within(self, seconds: float, every: int = 15) -> bool:
        """Let so much time pass, with reports in between; return whether one of them says that the session flaps."""
        found = False
        for _ in range(0, round(seconds), every):
            self.set_clock(every)
            found |= self._report()
        return found

    def _report(self) -> bool:
        before = self.cluster.speakers.get("n1")
        status = self.sync.status(True, self.now)
        for write in speaker_changes(self.cluster, self.plan, status, time_text(self.now)).writes:
            merged = {**(before.status if before else {}), **write.body["status"]}
            after = {name: part for name, part in merged.items() if part is not None}
            written = parse_speaker({"metadata": {"name": "n1"}, "status": after})
            self.cluster = replace(self.cluster, speakers={"n1": written})
        return any(flaps(self.cluster.speakers["n1"].observed))


def recent(machine: Machine) -> None:
    """Set the clock back to before the ends."""
    machine.end()
    assert machine.flaps_within(1 * MINUTES)
    machine.set_clock(-10 * MINUTES)


def long_ago(machine: Machine) -> None:
    """Set the clock back to a time at which the ends were new, and were over before."""
    machine.end()
    machine.flaps_within(15 * MINUTES)
    assert not machine.flaps_within(5 * MINUTES)
    machine.set_clock(-10 * MINUTES)


def with_a_new_speaker(machine: Machine) -> None:
    """Set the clock back while no speaker runs: the next one has the report alone."""
    machine.end()
    machine.flaps_within(20 * MINUTES)
    machine.set_clock(-10 * MINUTES)
    machine.restart()


def with_an_end_since(machine: Machine) -> None:
    """Set the clock back, and end the session once more: with three ends of before it would flap."""
    machine.end()
    machine.flaps_within(20 * MINUTES)
    machine.set_clock(-10 * MINUTES)
    machine.flaps_within(15)
    machine.end(1)


@pytest.mark.parametrize("history", [recent, long_ago, with_a_new_speaker, with_an_end_since])
def test_ends_from_before_the_clock_was_set_back_do_not_count_again(history: Callable[[Machine], None]) -> None:
    machine = Machine()
    history(machine)
    assert not machine.flaps_within(30 * MINUTES)
    machine.end()
    assert machine.flaps_within(15), "new ends count"


def test_end_counts_that_comes_first_after_the_clock_was_set_back() -> None:
    machine = Machine()
    machine.end()
    machine.set_clock(-10 * MINUTES)
    machine.end(KEPT_ENDS)
    assert machine.flaps_within(15)


@pytest.mark.parametrize(("seconds", "kept"), [(-0.5, KEPT_ENDS), (-1.5, 0)])
def test_correction_of_the_clock_forgets_nothing(seconds: float, kept: int) -> None:
    machine = Machine()
    machine.end()
    machine.set_clock(seconds)
    [status] = machine.sync.status(True, machine.now).sessions.values()
    assert len(status.counts.ends) == kept


def test_ends_count_while_the_clock_goes_on() -> None:
    machine = Machine()
    machine.end()
    assert machine.flaps_within(10 * MINUTES)
    machine.restart()
    assert machine.flaps_within(4 * MINUTES), "a new speaker reads what was reported"
    machine.flaps_within(2 * MINUTES)
    assert not machine.flaps_within(30 * MINUTES)
