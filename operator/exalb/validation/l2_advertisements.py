"""Decides which L2Advertisements are active. Pure."""

from dataclasses import dataclass

from exalb.api.l2_advertisement import L2AdvertisementSpec
from exalb.api.reasons import Finding, Reason
from exalb.validation.inputs import RuleInputs


@dataclass(frozen=True, slots=True)
class ActiveL2Advertisement:
    """An L2Advertisement that selects."""

    name: str
    spec: L2AdvertisementSpec


def active_l2_advertisements(inputs: RuleInputs) -> tuple[tuple[ActiveL2Advertisement, ...], list[Finding]]:
    """Return the active L2Advertisements in order of name, and what is wrong with them."""
    active: list[ActiveL2Advertisement] = []
    findings: list[Finding] = []
    for name, advertisement in sorted(inputs.l2_advertisements.items()):
        if advertisement.spec is None:
            continue
        for pool in advertisement.spec.ip_address_pools:
            if pool not in inputs.pools:
                message = f"IPAddressPool {pool} not found: the advertisement works without it"
                findings.append(Finding("L2Advertisement", name, "spec.ipAddressPools", Reason.UNKNOWN_POOL, message))
        active.append(ActiveL2Advertisement(name, advertisement.spec))
    return tuple(active), findings
