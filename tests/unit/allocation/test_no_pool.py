"""The refusal of a Service that no pool serves names the fields and the pools, for each IP family policy."""

import pytest

from tests.support.objects import Row, check, pool, service

POOLS = [
    pool("main", "198.51.100.0/24", "2001:db8::/64", autoAssign=False),
    pool("team", "203.0.113.0/24", serviceAllocation={"namespaces": ["team"]}),
]


@pytest.mark.parametrize("policy", ["SingleStack", "PreferDualStack", "RequireDualStack"])
def test_refusal_names_fields_and_pools(policy: str) -> None:
    advice = "check autoAssign and serviceAllocation of team, main"
    check(Row(policy, [*POOLS, service(ipFamilyPolicy=policy)], {"web": "NoMatchingPool"}, advice))
