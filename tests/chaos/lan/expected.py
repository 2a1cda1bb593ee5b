"""The one node that a client on the LAN must find for each address, or none. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from exalb.announcement.drain import DrainPolicy
from exalb.announcement.l2 import L2Planner
from exalb.kube.manifests import snapshot_of
from exalb.validation.rules import validate
from exalb_l2.frames import Address
from tests.chaos.lan.moves import NODES, Move, NodeMove, Repair, Situation
from tests.support.objects import Object

Answers = Mapping[Address, str]
"""The node that answers for each address; an address is missing where nobody does."""
MET = {Repair.RESUME, Repair.JOIN}
"""Two nodes may have an address then, of which the better candidate stays."""


def candidates(raw: Sequence[Object], now: Situation) -> dict[Address, tuple[str, ...]]:
    """Return the nodes that may announce each address, in the order that the planner gives for these objects.

    Those that decline it are left out.
    """
    cluster, malformed = snapshot_of(raw, "exalb-system")
    assert not malformed
    plan = L2Planner(DrainPolicy()).plan(cluster, validate(cluster))
    return {
        address: tuple(node for node in planned.candidates if not now.declines(node, planned.services[0].name))
        for address, planned in plan.addresses.items()
    }


def permitted(order: Sequence[str], before: str, move: Move, now: Situation) -> frozenset[str]:
    """Return the nodes of which one must answer for an address; none if nobody may.

    The holder keeps the address as long as it may; otherwise the first candidate takes it that can.
    """
    able = [node for node in order if now.answers(node)]
    if move.act is NodeMove.KILL_BRIEFLY and move.where == before:
        return frozenset(able)  # whether others noticed it is a matter of milliseconds
    if move.act is NodeMove.RESTART and move.where == before and len(able) > 1:
        able.remove(before)  # it handed over
    if before not in able:
        return frozenset(able if move.act in MET else able[:1])
    if move.act in MET and move.where in able[: able.index(before)]:
        return frozenset((before, move.where))  # the latter if it took the address while nobody reached it
    return frozenset((before,))


def mistakes(
    orders: Mapping[Address, Sequence[str]],
    seen: Mapping[Address, set[str]],
    before: Answers,
    step: tuple[Move, Situation],
) -> Iterator[str]:
    """Yield what is wrong with the nodes that answer."""
    for address, nodes in seen.items():
        allowed = permitted(orders.get(address, ()), before.get(address, ""), *step)
        if not ((len(nodes) == 1 and nodes <= allowed) or (not nodes and not allowed)):
            order = ", ".join(orders.get(address, ())) or "nobody"
            yield (
                f"{address}: {' and '.join(sorted(nodes)) or 'nobody'} instead of"
                f" {' or '.join(sorted(allowed)) or 'nobody'}; before {before.get(address) or 'nobody'}; may: {order}"
            )


def unreported(raw: Sequence[Object], now: Situation) -> Iterator[str]:
    """Yield the nodes whose interfaces are not reported as they are; where L2 does not run, nobody knows them."""
    reports = {one["metadata"]["name"]: one["status"]["l2"] for one in raw if one["kind"] == "BGPSpeaker"}
    for node in set(NODES) - now.killed - now.halted if not now.is_away else ():
        interfaces = [on["name"] for on in reports.get(node, {}).get("interfaces", ()) if len(on["addresses"]) == 2]
        if bool(interfaces) == (node in now.unplugged | now.down):
            yield f"{node} reports {interfaces}"
