"""The routes of this machine, as the kernel has them (linux/rtnetlink.h)."""

from exalb.node.routing_table import AF_INET, AF_INET6
from exalb_process.netlink import dump

CHANGES = 0x40 | 0x400 | 0x100
"""Groups of changes: IPv4 routes, IPv6 routes, IPv6 addresses."""
_GET_ROUTE, _BODY = 26, 12
"""The type of the request, and the octets of its body."""


def dump_routes() -> bytes:
    """Return the routes of this network namespace, of both families, as messages. Raises OSError."""
    return b"".join(dump(_GET_ROUTE, family, _BODY) for family in (AF_INET, AF_INET6))
