"""The Lease by which the controllers elect their leader (coordination.k8s.io/v1). Pure."""

from datetime import datetime
from typing import NamedTuple


class Lease(NamedTuple):
    """The Lease of the controllers, as far as it could be read."""

    holder: str = ""
    renewed: datetime | None = None
    unknown: str = ""
    """Why it could not be read."""
