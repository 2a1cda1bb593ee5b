"""BGPAdvertisements and Communities of MetalLB as ExaLB's. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from exalb.api.community_values import NAME, WELL_KNOWN, parse_community
from exalb.migration.metallb_objects import AdvertisementSpec, CommunitySpec, L2AdvertisementSpec, unknown
from exalb.migration.notes import About, Note

HOST_V4, HOST_V6 = 32, 128


def names_of(communities: Mapping[str, CommunitySpec]) -> dict[str, str]:
    """Return the values of all names; of two with one name the first object's counts."""
    names: dict[str, str] = {}
    for _, spec in sorted(communities.items()):
        for alias in spec.communities:
            names.setdefault(alias.name, alias.value)
    return names


def is_usable(name: str, value: str) -> bool:
    """Whether a Community of ExaLB can give `name` this value."""
    fixed = WELL_KNOWN.get(name)
    return bool(re.fullmatch(NAME, name)) and len(name) <= 63 and (fixed is None or value == str(fixed))


def community_spec(spec: CommunitySpec, about: About) -> tuple[dict[str, Any] | None, list[Note]]:
    """Return the spec of the Community, None if no name is left, and the notes."""
    notes, made = list(unknown(spec, about)), dict[str, str]()
    for index, alias in enumerate(spec.communities):
        field = f"spec.communities[{index}]"
        try:
            parse_community(alias.value)
        except ValueError as error:
            notes.append(about.lost(f"{field}.value", f"{error}. The name {alias.name!r} is left out"))
            continue
        if not is_usable(alias.name, alias.value):
            message = f"{alias.name!r} cannot be a name in ExaLB: advertisements get the value {alias.value} instead"
            notes.append(about.differs(f"{field}.name", message))
        elif alias.name in made and made[alias.name] != alias.value:
            message = f"{alias.name!r} has two values, which MetalLB refuses: {made[alias.name]} is written"
            notes.append(about.lost(f"{field}.name", message))
        else:
            made[alias.name] = alias.value
    if not made:
        if not notes:
            notes.append(about.note("spec.communities", "defines no name, so the Community is not written"))
        return None, notes
    return {"communities": [{"name": name, "value": value} for name, value in made.items()]}, notes


def advertisement_spec(
    spec: AdvertisementSpec, about: About, names: Mapping[str, str]
) -> tuple[dict[str, Any], list[Note]]:
    """Return the spec of the advertisement, and the notes."""
    notes = list(unknown(spec, about))
    lists: dict[str, list[Any]] = {
        "ipAddressPools": list(dict.fromkeys(spec.ip_address_pools)),
        "ipAddressPoolSelectors": list(spec.ip_address_pool_selectors),
        "serviceSelectors": list(spec.service_selectors),
        "nodeSelectors": list(spec.node_selectors),
        "peers": list(dict.fromkeys(spec.peers)),
        "communities": list(dict.fromkeys(_communities(spec.communities, names))),
    }
    made: dict[str, Any] = {field: items for field, items in lists.items() if items}
    if spec.aggregation_length != HOST_V4:
        made["aggregationLength"] = spec.aggregation_length
    if spec.aggregation_length_v6 != HOST_V6:
        made["aggregationLengthV6"] = spec.aggregation_length_v6
    if spec.local_pref:
        made["localPref"] = spec.local_pref
    for name in sorted(set(spec.communities) - set(names)):
        if re.fullmatch(NAME, name) and name not in WELL_KNOWN:
            message = f"no Community defines {name!r}, which MetalLB refuses: ExaLB withholds the routes until one does"
            notes.append(about.lost("spec.communities", message))
    return made, notes


def _communities(texts: tuple[str, ...], names: Mapping[str, str]) -> Iterator[str]:
    """Yield each community as ExaLB reads it: a name that it cannot have becomes the value."""
    for text in texts:
        value = names.get(text)
        yield text if value is None or is_usable(text, value) else value


def selected_keys(specs: Mapping[str, AdvertisementSpec] | Mapping[str, L2AdvertisementSpec]) -> frozenset[str]:
    """Return the label keys by which advertisements select pools."""
    return frozenset(key for spec in specs.values() for part in spec.ip_address_pool_selectors for key in _keys(part))


def _keys(selector: Mapping[str, Any]) -> Iterator[str]:
    labels, expressions = selector.get("matchLabels"), selector.get("matchExpressions")
    yield from (str(key) for key in (labels if isinstance(labels, Mapping) else {}))
    for expression in expressions if isinstance(expressions, list) else ():
        if isinstance(expression, Mapping):
            yield str(expression.get("key"))
