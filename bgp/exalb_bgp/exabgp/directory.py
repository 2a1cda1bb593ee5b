"""The files in the directory of one ExaBGP and its first configuration. The supervisor, with few modules, uses it."""

import os
import sys

CONFIGURATION = "exabgp.conf"
"""The configuration that the driver writes and ExaBGP reads; it holds passwords."""
SOCKET = "api.sock"
"""The unix socket on which the driver listens and to which the relay connects."""
HELPER = "exalb"
"""The name of the helper process inside ExaBGP."""


def helper_command(directory: str) -> tuple[str, ...]:
    """Return the command that ExaBGP runs as its helper, written into the configuration."""
    relay = os.path.join(os.path.dirname(os.path.realpath(__file__)), "relay.py")
    return (os.path.realpath(sys.executable), "-I", "-S", relay, os.path.join(directory, SOCKET))


def helper_text(command: tuple[str, ...]) -> str:
    """Return the part of the configuration about the helper; alone it is a configuration without peers."""
    return f"process {HELPER} {{\n  run {' '.join(command)};\n  encoder json;\n}}\n"


def create_configuration(directory: str) -> None:
    """Write a configuration without peers, unless there is one already. Raises OSError."""
    path = os.path.join(directory, CONFIGURATION)
    if os.path.exists(path):
        return
    fresh = f"{path}.empty"
    write_private(fresh, helper_text(helper_command(directory)))
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(fresh)


def write_private(path: str, text: str) -> None:
    """Write a file that only this user may read. Raises OSError.

    There is no fsync: the next driver rewrites a file that a power cut left incomplete.
    """
    if os.path.lexists(path):
        os.unlink(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
    except OSError:
        os.unlink(path)
        raise
