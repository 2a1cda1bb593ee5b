"""What the names mean that Community resources give. Pure.

A name that nothing gives is never passed over: a route that goes out without a community that was asked for, such as
NO_EXPORT under another name, may go further than anybody wants. What should carry it is withheld.
"""

from collections.abc import Iterable, Mapping

from exalb.cluster import CommunityNames
from exalb.communities import WELL_KNOWN, AnyCommunity, parse_community
from exalb.reasons import Invalid, Reason, Refusal


def meanings(resources: Iterable[CommunityNames], invalid: list[Invalid]) -> dict[str, AnyCommunity]:
    """Return what each name means; note in `invalid` what is given another meaning by an older object."""
    found: dict[str, tuple[AnyCommunity, str]] = {}
    for resource in sorted(resources, key=lambda resource: resource.age):
        for index, one in enumerate(resource.spec.communities if resource.spec else ()):
            value = parse_community(one.value)
            known, owner = found.setdefault(one.name, (value, resource.name))
            if known != value:
                message = f"{one.name} is {known} by Community {owner}, which was there first: choose another name"
                field = f"spec.communities[{index}].name"
                invalid.append(Invalid("Community", resource.name, field, Reason.COMMUNITY_TAKEN, message))
    return {name: value for name, (value, _) in found.items()}


def mean(
    asked: Iterable[AnyCommunity | str], names: Mapping[str, AnyCommunity], who: str
) -> tuple[AnyCommunity, ...] | Refusal:
    """Return the communities that `who` asks for, or which name has no meaning."""
    read: list[AnyCommunity] = []
    for one in asked:
        value = names.get(one) if isinstance(one, str) else one
        if value is None:
            return Refusal(Reason.UNKNOWN_COMMUNITY, f"{who} asks for community {one}: {unknown(str(one))}")
        read.append(value)
    return tuple(read)


def unknown(name: str) -> str:
    """Say that a name has no meaning, and what was perhaps meant."""
    word = name.upper().replace("-", "_")
    if word in WELL_KNOWN:
        return f"no Community gives {name} a value: write {word} if you mean the well-known one"
    return f"no Community gives {name} a value: add it to one, or write the community's numbers"
