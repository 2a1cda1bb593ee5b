"""How many addresses of a pool a namespace has once a Service has other addresses than now."""

from ipaddress import ip_address
from typing import NamedTuple

import pytest

from exalb.allocation.quota import count_after, quota_refusal
from exalb.api.reasons import Reason


class Case(NamedTuple):
    """Addresses by their last octet: how many Services of the namespace have each, and those of one Service."""

    id: str
    has: dict[int, int]
    kept: set[int]
    wanted: set[int]
    after: int


CASES = [
    Case("first", {}, set(), {1}, 1),
    Case("one-more", {1: 1}, set(), {2}, 2),
    Case("joins-another", {1: 1}, set(), {1}, 1),
    Case("exchange", {1: 1}, {1}, {2}, 1),
    Case("exchange-for-one-of-another", {1: 1, 2: 1}, {1}, {2}, 1),
    Case("leaves-a-shared-one", {1: 2}, {1}, {2}, 2),
    Case("keeps-a-shared-one", {1: 2}, {1}, {1}, 1),
    Case("keeps-its-own", {1: 1}, {1}, {1}, 1),
    Case("keeps-one-and-gets-one", {1: 1}, {1}, {1, 2}, 2),
    Case("pair", {}, set(), {1, 2}, 2),
    Case("pair-of-which-one-is-shared", {1: 1}, set(), {1, 2}, 2),
    Case("exchange-of-a-pair", {1: 1, 2: 1, 3: 1}, {1, 2}, {4, 5}, 3),
    Case("leaves-another-pool", {1: 1}, {9}, {2}, 2),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_count_after(case: Case) -> None:
    has = {ip_address(f"198.51.100.{octet}"): count for octet, count in case.has.items()}
    kept, wanted = ([ip_address(f"198.51.100.{octet}") for octet in octets] for octets in (case.kept, case.wanted))
    assert count_after(has, kept, wanted) == case.after


LIMITS = [(2, 1, 2, False), (2, 2, 3, True), (2, 5, 5, False), (2, 5, 6, True)]


@pytest.mark.parametrize(("quota", "has", "after", "is_refused"), LIMITS)
def test_quota_refusal(quota: int, has: int, after: int, *, is_refused: bool) -> None:
    refusal = quota_refusal("main", "team", quota, has=has, after=after)
    assert (refusal is not None and refusal.reason is Reason.QUOTA_EXCEEDED) == is_refused
