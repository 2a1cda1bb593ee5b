"""L2Advertisements of MetalLB as ExaLB's. Pure."""

from typing import Any

from exalb.migration.metallb_objects import L2AdvertisementSpec, unknown
from exalb.migration.notes import About, Note

L2 = "L2Advertisement"
_NEEDS = (
    "is announced once speaker.l2.enabled of the chart is true. While MetalLB answers for an address, ExaLB leaves it"
    " alone, and takes it seconds after MetalLB's last speaker has left"
)


def l2_spec(spec: L2AdvertisementSpec, about: About) -> tuple[dict[str, Any], list[Note]]:
    """Return the spec of the advertisement, and the notes."""
    lists: dict[str, list[Any]] = {
        "ipAddressPools": list(dict.fromkeys(spec.ip_address_pools)),
        "ipAddressPoolSelectors": list(spec.ip_address_pool_selectors),
        "serviceSelectors": list(spec.service_selectors),
        "nodeSelectors": list(spec.node_selectors),
        "interfaces": list(dict.fromkeys(spec.interfaces)),
    }
    notes = [*unknown(spec, about), about.differs("", _NEEDS)]
    return {field: items for field, items in lists.items() if items}, notes
