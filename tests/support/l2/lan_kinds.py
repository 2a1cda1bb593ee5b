"""Kinds of interface by which a host is on a LAN: its card, or an interface that is built on the card."""

from enum import StrEnum

from tests.lab.network import Namespace

CARD, BUILT = "eth0", "lan0"
TAG = 5
"""The VLAN."""


class LanKind(StrEnum):
    """The kinds, by the words of ip-link(8) for what is built."""

    CARD = "card"
    BRIDGE = "bridge"
    """With the card as a port, as where virtual machines run on the host too."""
    MACVLAN = "macvlan"
    VLAN = "vlan"
    BOND = "bond"

    @property
    def interface(self) -> str:
        """The name of the interface that has the addresses."""
        return CARD if self is LanKind.CARD else BUILT

    def build(self, namespace: Namespace) -> None:
        """Make the interface on the card of a host; raises NetworkError where the kernel has none of this kind."""
        namespace.ip(*_COMMANDS[self], f"link set {CARD} up", f"link set {self.interface} up")

    def remove(self, namespace: Namespace) -> None:
        """Take it away."""
        namespace.ip(f"link delete {self.interface}")


_COMMANDS = {
    LanKind.CARD: (),
    LanKind.BRIDGE: (
        f"link add {BUILT} type bridge mcast_snooping 0",
        f"link set {CARD} master {BUILT}",
        f"address replace 10.97.0.1/24 dev {CARD}",  # forgotten there: a port of a bridge is on no LAN
    ),
    LanKind.MACVLAN: (f"link add {BUILT} link {CARD} type macvlan mode bridge",),
    LanKind.VLAN: (f"link add {BUILT} link {CARD} type vlan id {TAG}",),
    LanKind.BOND: (
        f"link add {BUILT} type bond mode active-backup miimon 100",
        f"link set {CARD} down",
        f"link set {CARD} master {BUILT}",
    ),
}
