"""Run a command while no processor sleeps: `python -m tests.bench.awake COMMAND [ARGUMENT …]`.

A processor that woke up is slow for a while, and in a virtual machine for longer than what is measured takes. The
kernel lets them sleep again when the command has ended (Documentation/power/pm_qos_interface.rst); tuned's profile
latency-performance asks for the same.
"""

import os
import struct
import sys

QUALITY = "/dev/cpu_dma_latency"
LONGEST_WAKE_UP = struct.pack("i", 0)
"""In microseconds, as the kernel reads it."""


def main() -> None:
    """Become the command, with the request to the kernel open; say so where the kernel takes none."""
    try:
        request = os.open(QUALITY, os.O_WRONLY)
    except OSError as error:
        print(f"Processors may sleep while this measures: {error}", file=sys.stderr)
    else:
        os.write(request, LONGEST_WAKE_UP)
        os.set_inheritable(request, True)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
