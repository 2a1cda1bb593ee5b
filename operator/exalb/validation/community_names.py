"""Resolves the community names that Community resources define. Pure.

An undefined community name is never ignored: a route without, for example, NO_EXPORT under another name could leak, so
it is withheld.
"""

from collections.abc import Iterable, Mapping

from exalb.api.community_values import WELL_KNOWN, AnyCommunity, parse_community
from exalb.api.reasons import Finding, Reason, Refusal
from exalb.model.cluster import CommunityNames


def community_values(resources: Iterable[CommunityNames]) -> tuple[dict[str, AnyCommunity], list[Finding]]:
    """Return the value of each name, and a finding for each name that an older object gives another value."""
    values: dict[str, tuple[AnyCommunity, str]] = {}
    findings: list[Finding] = []
    for resource in sorted(resources, key=lambda resource: resource.age):
        for index, entry in enumerate(resource.spec.communities if resource.spec else ()):
            value = parse_community(entry.value)
            known, owner = values.setdefault(entry.name, (value, resource.name))
            if known != value:
                message = f"{entry.name} is already {known} in the older Community {owner}: choose another name"
                field = f"spec.communities[{index}].name"
                findings.append(Finding("Community", resource.name, field, Reason.COMMUNITY_TAKEN, message))
    return {name: value for name, (value, _) in values.items()}, findings


def resolve_communities(
    asked: Iterable[AnyCommunity | str], names: Mapping[str, AnyCommunity], who: str
) -> tuple[AnyCommunity, ...] | Refusal:
    """Return the communities that `who` asks for, or which name has no meaning."""
    read: list[AnyCommunity] = []
    for community in asked:
        value = names.get(community) if isinstance(community, str) else community
        if value is None:
            return Refusal(
                Reason.UNKNOWN_COMMUNITY,
                f"{who} asks for community {community}: {unknown_community_message(str(community))}",
            )
        read.append(value)
    return tuple(read)


def unknown_community_message(name: str) -> str:
    """Say that a name has no meaning, and what was perhaps meant."""
    word = name.upper().replace("-", "_")
    if word in WELL_KNOWN:
        return f"no Community gives {name} a value: write {word} if you mean the well-known one"
    return f"no Community gives {name} a value: add it to one, or write the community's numbers"
