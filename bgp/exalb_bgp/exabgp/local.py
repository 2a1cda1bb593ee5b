"""The local address of a session that ExaBGP does not tell: after a reload it shows `local-address auto` as none."""

import socket
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address

from exalb_bgp.events import Snapshot
from exalb_bgp.rib import Address
from exalb_bgp.session import Session, State

DISCARD = 9
"""A port to ask about; nothing is sent there."""


def located(snapshots: Iterable[Snapshot], sessions: Iterable[Session]) -> tuple[list[Snapshot], list[Session]]:
    """Fill in the local addresses of Established sessions by the kernel's route to the peer.

    Where there is no route, what a session carries cannot be judged: it counts as not Established, and is returned
    beside the snapshots, to be opened anew.
    """
    known = {int(session.peer_address): session for session in sessions}
    found, lost = [], []
    for snapshot in snapshots:
        session = known.get(int(snapshot.peer))
        if snapshot.state is not State.ESTABLISHED or snapshot.local_address is not None:
            found.append(snapshot)
            continue
        try:
            address = source_towards(snapshot.peer, session.source_interface if session else None)
        except ValueError:
            found.append(replace(snapshot, state=State.IDLE))
            lost += [session] if session else []
        else:
            found.append(replace(snapshot, local_address=address))
    return found, lost


def source_towards(peer: Address, interface: str | None) -> Address:
    """Return the address that the kernel gives to packets for `peer`; raises ValueError where there is no route."""
    family = socket.AF_INET if peer.version == 4 else socket.AF_INET6
    try:
        scope = socket.if_nametoindex(interface) if interface and peer.is_link_local else 0
        target = (str(peer), DISCARD) if peer.version == 4 else (str(peer), DISCARD, 0, scope)
        with socket.socket(family, socket.SOCK_DGRAM) as asked:
            asked.connect(target)
            return ip_address(asked.getsockname()[0].partition("%")[0])
    except OSError as error:
        raise ValueError(f"no route to {peer}: {error.strerror or error}") from error
