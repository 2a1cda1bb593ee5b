"""`exalb bfd`: the BFD sessions of a node, which the node's speaker asks for."""

from pathlib import Path

from exalb.programs import settings as own
from exalb_bfd.settings import BfdSettings
from exalb_bfd.supervisor import Supervisor
from exalb_bfd.worker import work


def run(settings: own.BFDSettings) -> None:
    """Keep the sessions until a signal comes. It forks, so it must not run inside an event loop."""
    directory = BfdSettings(Path(settings.directory))
    Supervisor(lambda: work(directory)).run()
