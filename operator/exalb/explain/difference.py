"""The difference that manifests would make to a running cluster: addresses, routes, L2 and mistakes. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from exalb.allocation.allocator import Allocation, Allocator
from exalb.analysis.plan import settle
from exalb.announcement.drain import DrainPolicy
from exalb.announcement.l2 import L2Plan, L2Planner
from exalb.announcement.planner import NodePlan, RoutePlanner
from exalb.api.address_ranges import prefix_order
from exalb.api.reasons import Finding, Refusal
from exalb.explain.l2 import holders
from exalb.explain.lan_difference import LanDifference, lan_differences
from exalb.explain.merge import applied
from exalb.explain.observed import Observed, host_of, with_supposed_secrets
from exalb.explain.tables import attributes_text
from exalb.model.cluster import Cluster, Key
from exalb.validation.rules import Rules, validate
from exalb_bgp.rib import Address, Prefix


@dataclass(frozen=True, slots=True)
class AddressDifference:
    """The addresses of one Service, before and after."""

    service: str
    change: str
    """`given`, `moved` or `lost`; `refused` where a Service without an address gets none."""
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class RouteDifference:
    """One prefix that changes in one way at some nodes and peers."""

    prefix: str
    change: str
    """`announced`, `withdrawn` or `changed`."""
    before: str
    """The path attributes before."""
    after: str
    nodes: tuple[str, ...]
    peers: tuple[str, ...]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Difference:
    """All that manifests would change."""

    new_findings: tuple[Finding, ...]
    solved_findings: tuple[Finding, ...]
    addresses: tuple[AddressDifference, ...]
    routes: tuple[RouteDifference, ...]
    l2: tuple[LanDifference, ...] = ()
    """The addresses that another node announces on its LAN than before."""


class _Side:
    """One of the two clusters, with all decisions about it."""

    def __init__(self, cluster: Cluster, findings: Iterable[Finding]) -> None:
        self.rules: Rules = validate(cluster)
        self.findings = (*self.rules.invalid, *findings)
        self.allocation: Allocation
        self.allocation, self.cluster = settle(cluster, self.rules, Allocator().allocate)

    def l2(self) -> L2Plan:
        """Return which nodes may announce which address on their LANs."""
        return L2Planner(DrainPolicy()).plan(self.cluster, self.rules)

    def plan(self, planner: RoutePlanner, node: str, reports: Cluster) -> NodePlan:
        """Return the plan of a node, as its speaker would make it."""
        return planner.plan(replace(self.cluster, host=host_of(reports, node)), self.rules)


def difference(observed: Observed, manifests: Cluster, malformed: Iterable[Finding] = ()) -> Difference:
    """Return what `manifests` would change; `malformed` are findings about manifests that could not be read."""
    before = _Side(observed.cluster, observed.malformed)
    after = _Side(with_supposed_secrets(applied(observed.cluster, manifests)), malformed)
    return Difference(
        new_findings=tuple(item for item in after.findings if item not in before.findings),
        solved_findings=tuple(item for item in before.findings if item not in after.findings),
        addresses=tuple(_addresses(before, after)),
        routes=tuple(_routes(before, after, observed.cluster)),
        l2=tuple(_on_lans(observed, before.l2(), after.l2())),
    )


def _on_lans(observed: Observed, before: L2Plan, after: L2Plan) -> Iterator[LanDifference]:
    reported = {address: [holder.node for holder in holders(observed, address)] for address in before.addresses}
    return lan_differences(before, after, reported)


def _addresses(before: _Side, after: _Side) -> Iterator[AddressDifference]:
    for key in sorted({*before.allocation.outcomes, *after.allocation.outcomes}):
        old, new = before.allocation.outcomes.get(key), after.allocation.outcomes.get(key)
        had, has = old.addresses if old else (), new.addresses if new else ()
        refusal = new.refusal if new else None
        if had == has and (refusal is None or (old and old.refusal == refusal)):
            continue
        yield _address(key, had, has, refusal)


def _address(
    key: Key, had: tuple[Address, ...], has: tuple[Address, ...], refusal: Refusal | None
) -> AddressDifference:
    change = (
        "moved" if had and has and had != has else "given" if has and not had else "lost" if had and not has else ""
    )
    reason, message = (refusal.reason.value, refusal.message) if refusal else ("", "")
    texts = tuple(map(str, had)), tuple(map(str, has))
    return AddressDifference(str(key), change or "refused", *texts, reason, message)


_Routes = Mapping[tuple[str, Prefix], str]
"""The path attributes of each prefix at each peer of one node."""


def _routes(before: _Side, after: _Side, reports: Cluster) -> Iterator[RouteDifference]:
    found: dict[tuple[Prefix, str, str, str, str, str], list[tuple[str, str]]] = {}
    for node in sorted({*before.cluster.nodes, *after.cluster.nodes}):
        planner = RoutePlanner(node)
        old = _announced(before.plan(planner, node, reports))
        plan = after.plan(planner, node, reports)
        new = _announced(plan)
        for peer, prefix in sorted({*old, *new}, key=lambda item: (item[0], prefix_order(item[1]))):
            was, will = old.get((peer, prefix)), new.get((peer, prefix))
            if was == will:
                continue
            change = "announced" if was is None else "withdrawn" if will is None else "changed"
            refusal = _refusal(plan, peer, prefix) if will is None else None
            reason, message = (refusal.reason.value, refusal.message) if refusal else ("", "")
            group = prefix, change, was or "", will or "", reason, message.replace(f"node {node}", "the node")
            found.setdefault(group, []).append((node, peer))
    for key in sorted(found, key=lambda key: (prefix_order(key[0]), key[1:])):
        prefix, change, was, will, reason, message = key
        nodes, peers = (tuple(dict.fromkeys(names)) for names in zip(*found[key], strict=True))
        yield RouteDifference(str(prefix), change, was, will, nodes, peers, reason, message)


def _announced(plan: NodePlan) -> _Routes:
    return {
        (name, prefix): attributes_text(attributes)
        for name, session in plan.sessions.items()
        for prefix, attributes in session.rib.items()
    }


def _refusal(plan: NodePlan, peer: str, prefix: Prefix) -> Refusal | None:
    session = plan.sessions.get(peer)
    rows = session.withheld.items() if session else ()
    return next((refusal for (_, withheld), refusal in rows if withheld == prefix), None)
