"""ExaBGP's options, passed by environment; options in the environment of this process are ignored."""

import os
import pwd

from exalb_bgp.exabgp.interface import OPEN_WAIT
from exalb_bgp.exabgp.settings import EngineSettings


def environment(settings: EngineSettings) -> dict[str, str]:
    """Return the environment for ExaBGP; options with a hyphen have a dotted name only."""
    inherited = {name: value for name, value in os.environ.items() if not name.lower().startswith("exabgp")}
    return inherited | {
        "EXABGP_ENVFILE": os.devnull,
        "exabgp_api_ack": "true",
        "exabgp_api_chunk": "200",
        "exabgp_api_cli": "false",
        "exabgp.api.show-routes-format": "v2",
        "exabgp_bgp_openwait": str(OPEN_WAIT),
        "exabgp_daemon_user": pwd.getpwuid(os.getuid()).pw_name if os.getuid() == 0 else "nobody",
        "exabgp_log_destination": "stderr",
        "exabgp_log_level": settings.log_level,
        "exabgp_log_short": "true",
        "exabgp_reactor_speed": str(settings.speed),
    }
