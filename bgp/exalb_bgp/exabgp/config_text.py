"""Renders sessions as the configuration text of ExaBGP 5.0: only numbers, addresses, interface names and base64.

Every neighbor has a fingerprint of its own text in `description`. ExaBGP shows it with its running configuration: so a
driver sees that a reload worked, and a new driver sees that no reload is necessary.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

from exalb_bgp.exabgp.directory import HELPER, helper_text
from exalb_bgp.rib import Address, without_zone
from exalb_bgp.session import Family, Session

_FINGERPRINT = re.compile(r"^\s*description \"?([0-9a-f]{16})\"?;$")
_NEIGHBOR = re.compile(r"^neighbor (\S+) \{$")
_INTERFACE = re.compile(r"^\s*source-interface \"?([^\"]*?)\"?;$")


def fingerprints(sessions: Iterable[Session]) -> dict[Address, str]:
    """Return the fingerprints that `read_running` finds once ExaBGP runs these sessions."""
    return {without_zone(session.peer_address): _fingerprint(session) for session in sessions}


def read_running(lines: Iterable[str]) -> tuple[dict[Address, str], dict[Address, str | None]]:
    """Read `show neighbor configuration`: the fingerprint and the source interface of each neighbor, by address.

    A neighbor that ExaLB did not configure has an empty fingerprint.
    """
    fingerprints_by_address: dict[Address, str] = {}
    interfaces: dict[Address, str | None] = {}
    address: Address | None = None
    for line in lines:
        if match := _NEIGHBOR.match(line):
            address = without_zone(ip_address(match[1]))
            fingerprints_by_address[address] = ""
        elif address is not None and (match := _FINGERPRINT.match(line)):
            fingerprints_by_address[address] = match[1]
        elif address is not None and (match := _INTERFACE.match(line)):
            interfaces[address] = None if match[1] == "None" else match[1]
    return fingerprints_by_address, interfaces


def render(sessions: Iterable[Session], helper: Iterable[str]) -> str:
    """Return the whole configuration; `helper` is the absolute path of the relay's interpreter and its arguments."""
    ordered = sorted(sessions, key=lambda session: (session.peer_address.version, int(session.peer_address)))
    return helper_text(tuple(helper)) + "".join(_neighbor(session, _fingerprint(session)) for session in ordered)


@lru_cache(maxsize=256)
def _fingerprint(session: Session) -> str:
    return hashlib.sha256(_neighbor(session, "").encode("ascii")).hexdigest()[:16]


def _neighbor(session: Session, fingerprint: str) -> str:
    lines = [
        f'description "{fingerprint}"',
        f"router-id {session.router_id}",
        f"local-address {'auto' if session.local_address is None else without_zone(session.local_address)}",
        f"local-as {session.local_asn}",
        f"peer-as {session.peer_asn}",
        f"hold-time {session.hold_time}",
        *_transport(session),
        "group-updates true",
        "manual-eor true",
        "adj-rib-in false",
        "adj-rib-out true",
    ]
    families = sorted(family.value for family in session.families)
    extended = session.extended_next_hop and session.families == set(Family)
    capabilities = ["route-refresh enable"]
    if session.graceful_restart is not None:
        capabilities.append(f"graceful-restart {session.graceful_restart}")
    if extended:
        capabilities.append("nexthop enable")
    body = "".join(f"  {line};\n" for line in lines)
    body += _block("family", [f"{family} unicast" for family in families])
    body += _block("nexthop", ["ipv4 unicast ipv6"]) if extended else ""
    body += _block("capability", capabilities)
    return f"neighbor {without_zone(session.peer_address)} {{\n{body}{_API}}}\n"


def _transport(session: Session) -> list[str]:
    lines = [f"connect {session.peer_port}"]
    if session.passive:
        lines += ["passive true", f"listen {session.listen_port}"]
    if session.source_interface is not None:
        lines.append(f'source-interface "{session.source_interface}"')
    if session.ebgp_multihop is not None:
        lines.append(f"outgoing-ttl {session.ebgp_multihop}")
    if session.ttl_security:
        lines.append("incoming-ttl 255")
    if session.password is not None:
        encoded = base64.b64encode(session.password.value).decode("ascii")
        lines += [f'md5-password "{encoded}"', "md5-base64 true"]
    return lines


def _block(name: str, lines: Iterable[str]) -> str:
    return f"  {name} {{\n" + "".join(f"    {line};\n" for line in lines) + "  }\n"


_API = f"""\
  api {{
    processes [ {HELPER} ];
    neighbor-changes;
    negotiated;
    fsm;
    send {{
      parsed;
      update;
      notification;
    }}
    receive {{
      packets;
      open;
      notification;
    }}
  }}
"""
"""Received messages are requested as bytes, and only the necessary types: ExaBGP then skips the routes of peers."""
