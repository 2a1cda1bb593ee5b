"""A unix socket that only chosen users may open, from its first moment."""

import os
import socket
from pathlib import Path


def bound(path: Path, mode: int) -> socket.socket:
    """Return a socket that is bound to `path`, with these permissions, in place of what was there. Raises OSError.

    The umask is not changed: it belongs to the whole process, and what runs meanwhile would make files with it. Linux
    gives the file the permissions of the socket, less the umask; then they are set as they should be.
    """
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(made.fileno(), mode)
        made.bind(str(path))
        path.chmod(mode)
    except OSError:
        made.close()
        raise
    return made
