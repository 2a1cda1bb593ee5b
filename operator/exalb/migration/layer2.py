"""Pools that MetalLB announces by layer 2 (ARP, NDP), which ExaLB does not do. Pure."""

from collections.abc import Mapping

from exalb.migration.advertisements import selects
from exalb.migration.metallb_objects import AdvertisementSpec
from exalb.migration.notes import About, Note

L2 = "L2Advertisement"


def layer2_notes(
    l2: Mapping[str, AdvertisementSpec],
    bgp: Mapping[str, AdvertisementSpec],
    pools: Mapping[str, Mapping[str, str]],
) -> tuple[frozenset[str], list[Note]]:
    """Return the pools (by name, with their labels) that are announced by layer 2 alone, and a note for each object."""
    only: set[str] = set()
    notes = []
    for name, spec in l2.items():
        chosen = {pool for pool, labels in pools.items() if selects(spec, pool, labels)}
        alone = {pool for pool in chosen if not any(selects(other, pool, pools[pool]) for other in bgp.values())}
        only |= alone
        if alone:
            message = (
                f"announces {_list(alone)} by layer 2 alone. ExaLB announces by BGP only, so these pools are not"
                " written. Move their Services to pools that are announced by BGP before MetalLB's pods leave the nodes"
            )
            notes.append(About(L2, name).lost("", message))
        else:
            also = f": {_list(chosen)} is announced by BGP too" if chosen else ", and this one selects no pool"
            notes.append(About(L2, name).differs("", f"ExaLB announces nothing by layer 2{also}"))
    return frozenset(only), notes


def _list(names: set[str]) -> str:
    return ", ".join(f"pool {name}" for name in sorted(names))
