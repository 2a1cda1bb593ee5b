"""A control plane with the programs that the walks of chaos start, kill and watch."""

from tests.support.kubernetes.fixtures import cluster, programs, pytest_itemcollected, world

__all__ = ["cluster", "programs", "pytest_itemcollected", "world"]
