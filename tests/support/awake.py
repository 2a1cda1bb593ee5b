"""Run a command while idle processors poll instead of sleeping: `python -m tests.support.awake COMMAND [ARGUMENT …]`.

A processor that slept is slow for a while, in a virtual machine for longer than an event takes. The kernel lets them
sleep again when the command has ended (Documentation/power/pm_qos_interface.rst).
"""

import os
import struct
import sys
from pathlib import Path

QUALITY = "/dev/cpu_dma_latency"
LONGEST_WAKE_UP = struct.pack("i", 0)
"""In microseconds, as the kernel reads it."""


def idle_processors() -> str:
    """Return what processors do while they are idle: `poll`, or `sleep`."""
    try:
        longest = Path(QUALITY).read_bytes()
    except OSError:
        return "sleep"
    return "poll" if longest == LONGEST_WAKE_UP else "sleep"


def main() -> None:
    """Become the command, with the request to the kernel open; say so where the kernel takes none."""
    try:
        request = os.open(QUALITY, os.O_WRONLY)
        os.write(request, LONGEST_WAKE_UP)
    except OSError as error:
        print(f"Idle processors may sleep: {error}", file=sys.stderr)
    else:
        os.set_inheritable(request, True)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
