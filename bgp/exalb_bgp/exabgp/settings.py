"""Settings that supervisor and driver of one ExaBGP share: files in a directory that only their user may enter."""

from dataclasses import dataclass
from pathlib import Path

from exalb_bgp.exabgp import directory as files


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The settings of one engine; supervisor and driver get equal ones."""

    directory: Path
    """Absolute, on a local file system, mode 0700; its path has no space, quote or any of `{};[],#`."""
    speed: float = 2.0
    """Hundredths of a second between two turns of ExaBGP's loop while it waits for something that cannot be polled."""
    log_level: str = "WARNING"
    """The level of the log that ExaBGP writes to standard error, as JSON; no level shows passwords."""

    @property
    def configuration(self) -> Path:
        """The configuration that the driver writes and ExaBGP reads; it holds passwords."""
        return self.directory / files.CONFIGURATION

    @property
    def socket(self) -> Path:
        """The unix socket on which the driver listens and to which the relay connects."""
        return self.directory / files.SOCKET

    @property
    def helper(self) -> tuple[str, ...]:
        """The command that ExaBGP runs as its helper, written into the configuration."""
        return files.helper_command(str(self.directory))
