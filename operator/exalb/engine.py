"""`exalb bgp`: one ExaBGP under supervision, which the node's speaker drives."""

from pathlib import Path

from exalb import settings as own
from exalb_bgp.exabgp.process import supervise
from exalb_bgp.exabgp.settings import EngineSettings


async def run(settings: own.EngineSettings) -> None:
    """Keep ExaBGP running until cancelled; raises PermissionError where it could not run as this user."""
    await supervise(EngineSettings(directory=Path(settings.directory)))
