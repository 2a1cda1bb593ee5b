"""The difference that manifests would make to the addresses that nodes announce on their LANs. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from exalb.announcement.l2 import L2Plan
from exalb.api.address_ranges import address_order
from exalb.explain.l2 import Holder
from exalb_bgp.rib import Address
from exalb_l2.goal import Wanted


@dataclass(frozen=True, slots=True)
class LanDifference:
    """One address that another node announces, or on another interface, or that is announced no more."""

    address: str
    change: str
    """`announced`, `moved` (to another node or interface) or `withdrawn`."""
    before: str
    """The node and its interfaces, as `n2 on eth0`; empty where none announces it."""
    after: str
    reason: str
    message: str


def lan_differences(
    before: L2Plan, after: L2Plan, reported: Mapping[Address, Sequence[str]]
) -> Iterator[LanDifference]:
    """Yield the differences, in order of address; `reported` are the nodes that say that they announce an address.

    The node that announces an address keeps it while it may; without one, the first that may is meant.
    """
    for address in sorted({*before.addresses, *after.addresses}, key=address_order):
        old = _announcing(before, address, reported.get(address, ()))
        new = _announcing(after, address, (old.node,) if old else ())
        if old == new:
            continue
        planned = after.addresses.get(address)
        refusal = planned.refusal if planned else None
        change = "moved" if old and new else "announced" if new else "withdrawn"
        reason, message = (refusal.reason.value, refusal.message) if refusal else ("", "")
        yield LanDifference(str(address), change, _text(old), _text(new), reason, message)


def _announcing(plan: L2Plan, address: Address, preferred: Sequence[str]) -> Holder | None:
    planned = plan.addresses.get(address)
    if planned is None or not planned.candidates:
        return None
    node = next((name for name in preferred if name in planned.candidates), planned.candidates[0])
    places = Wanted((), planned.interfaces[node]).places(address, plan.nodes[node])
    return Holder(node, tuple(place.name for place in places))


def _text(holder: Holder | None) -> str:
    return f"{holder.node} on {' and '.join(holder.interfaces)}" if holder else ""
