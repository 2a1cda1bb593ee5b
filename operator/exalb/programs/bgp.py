"""`exalb bgp`: one ExaBGP under supervision, which the node's speaker drives."""

from pathlib import Path

from exalb.programs.settings import BGPSettings
from exalb_bgp.exabgp.launcher import become_supervisor
from exalb_bgp.exabgp.settings import EngineSettings


def run(settings: BGPSettings) -> None:
    """Run the supervisor in this process, instead of this program; raises OSError where that is impossible."""
    become_supervisor(EngineSettings(directory=Path(settings.directory)), settings.log_level, settings.log_format)
