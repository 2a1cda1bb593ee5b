"""Situations without a broken step: `kubectl exalb` cannot read the cluster, or no part of ExaLB is broken."""

from typing import NamedTuple


class Unreadable(NamedTuple):
    """A cluster that cannot be read."""

    title: str
    status: int | None
    """The status of the API server's answers about ExaLB's kinds; None where nothing listens at its address."""
    says: str
    """A part of the one sentence that a person reads."""


UNREADABLE = {
    "away": Unreadable("nothing listens at the API server's address", None, "cannot connect to"),
    "rights-removed": Unreadable(
        "the rights of the person who asks were removed (RBAC)",
        403,
        "The ClusterRole exalb-reader of the chart grants what this command reads",
    ),
    "definitions-missing": Unreadable(
        "ExaLB's definitions are not in the cluster",
        404,
        "Is ExaLB installed in this cluster? Its custom resource definitions are missing",
    ),
}
ROUTER_FILTERS = "look at the router: does it accept the route, and use it?"
"""A part of the last step's message, where all is well as far as ExaLB sees."""
