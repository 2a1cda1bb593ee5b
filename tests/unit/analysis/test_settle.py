"""A plan repeats the allocation until nothing changes, a bounded number of times."""

from ipaddress import ip_address
from itertools import cycle

import pytest

from exalb.allocation.allocator import Allocation
from exalb.allocation.outcome import Outcome
from exalb.analysis.plan import UnsettledError, settle
from exalb.kube.manifests import snapshot_of
from exalb.model.cluster import Cluster, Key
from exalb.validation.rules import Rules, validate
from tests.support.objects import service


def test_allocation_that_never_settles_is_an_error() -> None:
    cluster, _ = snapshot_of([service("web")], "exalb-system")
    addresses = cycle((ip_address("198.51.100.1"), ip_address("198.51.100.2")))

    def alternate(cluster: Cluster, rules: Rules) -> Allocation:  # noqa: ARG001 - the signature of an allocator
        return Allocation({Key("default", "web"): Outcome((next(addresses),), ("main",))}, {}, {})

    with pytest.raises(UnsettledError):
        settle(cluster, validate(cluster), alternate)
