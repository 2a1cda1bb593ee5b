"""What chaos stands on: the control plane and the programs that tests/cluster made."""

from tests.cluster.conftest import cluster, programs, pytest_itemcollected, world

__all__ = ["cluster", "programs", "pytest_itemcollected", "world"]
