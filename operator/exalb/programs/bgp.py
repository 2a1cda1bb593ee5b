"""`exalb bgp`: one ExaBGP under supervision, which the node's speaker drives."""

from pathlib import Path

from exalb.programs.settings import BGPSettings
from exalb_bgp.exabgp.settings import EngineSettings
from exalb_bgp.exabgp.supervisor.supervisor import supervise


async def run(settings: BGPSettings) -> None:
    """Keep ExaBGP running until cancelled; raises PermissionError where it could not run as this user."""
    await supervise(EngineSettings(directory=Path(settings.directory)))
