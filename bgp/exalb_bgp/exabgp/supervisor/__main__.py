"""`python -m exalb_bgp.exabgp.supervisor DIRECTORY [LEVEL [FORM]]`: runs until SIGTERM or SIGINT.

ExaBGP's options come by environment; `launcher.py` starts this program with them.
"""

import resource
import sys

from exalb_bgp.exabgp.supervisor.log_lines import Log
from exalb_bgp.exabgp.supervisor.supervisor import Supervisor

_LOG = Log("exalb_bgp.exabgp.supervisor")


def main(directory: str, level: str = "info", form: str = "json") -> int:
    """Return the exit code: 0 after a signal, 1 where it cannot go on."""
    Log.least, Log.form = level, form
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # ExaBGP inherits it: its memory holds passwords
    try:
        Supervisor(directory).run()
    except OSError as error:
        _LOG.error("cannot_run", error=str(error))
        return 1
    except Exception:  # noqa: BLE001 - the log must name the reason
        import traceback  # noqa: PLC0415 - not needed while all is well

        _LOG.error("crashed", exception=traceback.format_exc())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
