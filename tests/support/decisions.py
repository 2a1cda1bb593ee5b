"""The decisions of both programs about one snapshot, made without memory."""

from exalb.allocation.allocator import Allocation, allocate
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.model.cluster import Cluster
from exalb.model.patches import Changes
from exalb.report.controller import ControllerReporter
from exalb.validation.rules import validate


def allocation_of(cluster: Cluster) -> Allocation:
    """Return the address of each Service."""
    return allocate(cluster, validate(cluster))


def plan_of(node: str, cluster: Cluster) -> NodePlan:
    """Return the plan of one node."""
    return RoutePlanner(node).plan(cluster, validate(cluster))


def changes_of(cluster: Cluster, now: str) -> Changes:
    """Return the changes that the controller writes."""
    rules = validate(cluster)
    return ControllerReporter().changes(cluster, rules, allocate(cluster, rules), now)
