"""Shows the configuration of ExaBGP without passwords: the driver needs none, and the relay must not see them."""

import re
from typing import Any

from exabgp.bgp import neighbor

_PASSWORD = re.compile(r"^\s*md5-password .*\n", re.MULTILINE)


class PatchedTemplate(neighbor.NeighborTemplate):  # type: ignore[misc]  # ExaBGP has no types
    """Neighbors as text."""

    @classmethod
    def configuration(cls, of: Any, with_changes: bool = True) -> str:  # noqa: ANN401 - as in ExaBGP
        """Return the configuration of a neighbor without its password."""
        return _PASSWORD.sub("", super().configuration(of, with_changes))
