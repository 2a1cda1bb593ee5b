"""Settings of the kernel for the interfaces on which addresses are announced (ip-sysctl in its documentation)."""

from pathlib import Path

from exalb_l2.goal import Sysctls

_IPV4 = Path("/proc/sys/net/ipv4/conf")


def read(interface: str) -> Sysctls:
    """Return the settings of an interface; one that cannot be read, as where it is gone, is 0."""
    return Sysctls(_larger(interface, "arp_ignore"), _larger(interface, "rp_filter"))


def _larger(interface: str, setting: str) -> int:
    """Return the value that counts: the larger one of `all` and the interface."""
    try:
        return max(int((_IPV4 / name / setting).read_text()) for name in ("all", interface))
    except (OSError, ValueError):
        return 0
