"""A small volume for the directory of an engine, in a mount namespace of its own: it leaves no trace."""

import contextlib
import errno
import subprocess
from pathlib import Path

from tests.lab.network import Namespace

SIZE = "512k"
BLOCK = bytes(4096)


class Volume:
    """A tmpfs over a directory, for the processes that are started inside, which can be filled and freed."""

    def __init__(self, node: Namespace, directory: Path, user: int) -> None:
        mount = f"mount -t tmpfs -o size={SIZE},mode=0700,uid={user},gid={user} engine {directory}"
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{mount} && echo mounted && exec cat"]
        self._holder = node.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._holder.stdout
        assert self._holder.stdout.readline() == b"mounted\n"
        self.directory = Path(f"/proc/{self._holder.pid}/root") / directory.relative_to("/")
        """The directory as seen from outside."""

    @property
    def inside(self) -> list[str]:
        """The beginning of a command line that runs there."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--"]

    def fill(self) -> None:
        """Fill the volume."""
        with (self.directory / "filler").open("ab", buffering=0) as filler:
            for block in (BLOCK, b"\0"):
                try:
                    while True:
                        filler.write(block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Free the space again."""
        (self.directory / "filler").unlink(missing_ok=True)

    def protect(self) -> None:
        """Make the volume read-only, as the kernel does with a disk that has errors."""
        self._remount("ro")

    def release(self) -> None:
        """Make it writable again."""
        self._remount("rw")

    def _remount(self, option: str) -> None:
        directory = "/" / self.directory.relative_to(f"/proc/{self._holder.pid}/root")
        subprocess.run([*self.inside, "mount", "-o", f"remount,{option}", directory], check=True)

    def close(self) -> None:
        """End the process that holds it; it is gone with the last process inside."""
        assert self._holder.stdin
        assert self._holder.stdout
        with contextlib.suppress(BrokenPipeError):
            self._holder.stdin.close()
        self._holder.wait()
        self._holder.stdout.close()
