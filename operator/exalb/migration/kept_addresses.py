"""Proves that Services keep their addresses: compares them with a plan over the migrated objects. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from exalb.analysis.plan import plan
from exalb.api.address_ranges import AddressRange
from exalb.api.reasons import Finding, Reason
from exalb.migration.notes import About, Level, Note
from exalb.model.cluster import Cluster, Service
from exalb.model.scope import CLASS

_SECRETS = {Reason.SECRET_NOT_FOUND, Reason.SECRET_UNUSABLE}
"""Passwords are copied by a step of their own."""
_OURS = {"IPAddressPool", "BGPPeer", "BGPAdvertisement", "L2Advertisement", "Community"}


@dataclass(frozen=True, slots=True)
class KeptAddresses:
    """How many Services have an address, how many of them keep it, and the notes about the others."""

    services: int
    kept: int
    notes: tuple[Note, ...]


def kept_addresses(cluster: Cluster, ranges: tuple[AddressRange, ...]) -> KeptAddresses:
    """Plan a cluster that has the migrated objects and no others of ExaLB; compare the addresses of `ranges`."""
    planned = plan(cluster)
    holders = {key: service for key, service in sorted(cluster.services.items()) if _is_open_to_us(service, ranges)}
    notes: list[Note] = []
    for key, service in holders.items():
        about = About("Service", str(key))
        outcome, foreign = planned.allocation.outcomes.get(key), planned.allocation.foreign.get(key)
        if foreign or outcome is None:
            message = foreign.message if foreign else "ExaLB does not manage it"
            notes.append(about.lost("status.loadBalancer", message))
        elif set(outcome.addresses) != set(service.held):
            held, given = (" ".join(map(str, part)) or "none" for part in (service.held, outcome.addresses))
            why = outcome.lost[0][1].message if outcome.lost else outcome.refusal and outcome.refusal.message
            notes.append(about.lost("status.loadBalancer", f"has {held} and would get {given}: {why}"))
    return KeptAddresses(
        len(holders), len(holders) - len(notes), (*notes, *_of_objects(planned.invalid, planned.notes))
    )


def _is_open_to_us(service: Service, ranges: tuple[AddressRange, ...]) -> bool:
    is_of_metallb = any(address in part for address in service.held for part in ranges)
    return service.is_load_balancer and is_of_metallb and service.load_balancer_class in (None, CLASS)


def _of_objects(invalid: tuple[Finding, ...], warnings: tuple[Finding, ...]) -> Iterator[Note]:
    """Yield what the plan finds in the migrated objects."""
    for level, findings in ((Level.NOT_MIGRATED, invalid), (Level.DIFFERENT, warnings)):
        for finding in findings:
            if finding.kind in _OURS and finding.reason not in _SECRETS:
                yield Note(
                    level, finding.kind, finding.name, finding.field, f"{finding.reason.value}: {finding.message}"
                )
