"""Keeps ExaBGP from asking a nameserver for this host's domain name while it is imported."""

from exabgp.util import dns


def look_nothing_up() -> None:
    """Replace the lookup by an empty domain name: no session of ExaLB sends one."""
    dns.domain = str
