"""`exalb l2`: announces addresses on the LANs of a node, as the node's speaker asks."""

from pathlib import Path

from exalb.programs import settings as own
from exalb_l2.settings import L2Settings
from exalb_l2.worker import work


def run(settings: own.L2Settings) -> None:
    """Announce until a signal comes. It has an event loop of its own."""
    work(L2Settings(Path(settings.directory)))
