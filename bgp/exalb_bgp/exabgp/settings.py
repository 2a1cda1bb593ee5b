"""Where one ExaBGP, its supervisor and its driver meet: the files in a directory that only their user may enter."""

import sys
from dataclasses import dataclass
from pathlib import Path

from exalb_bgp.exabgp import relay

NEIGHBOR = "neighbor "
"""How a command about neighbors begins: the driver counts those that it gave, and ExaBGP those that it took."""
OPEN_WAIT = 10
"""Seconds that ExaBGP waits for the OPEN of a peer that took its connection; it sees no change of the session then."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """The meeting place of supervisor and driver, equal for both."""

    directory: Path
    """Absolute, on a local file system, mode 0700; its path holds no space, quote or any of `{};[],#`."""
    speed: float = 2.0
    """Turns of ExaBGP's reactor last at most this many hundredths of a second; short turns cost CPU time when idle."""
    log_level: str = "WARNING"
    """What ExaBGP logs to its standard error, as JSON; no level shows passwords."""

    @property
    def configuration(self) -> Path:
        """The configuration that the driver writes and ExaBGP reads; it holds passwords."""
        return self.directory / "exabgp.conf"

    @property
    def socket(self) -> Path:
        """The unix socket on which the driver listens and to which the relay connects."""
        return self.directory / "api.sock"

    @property
    def helper(self) -> tuple[str, ...]:
        """The command that ExaBGP runs as its helper, written into the configuration."""
        return (str(Path(sys.executable).resolve()), "-I", "-S", str(Path(relay.__file__).resolve()), str(self.socket))
