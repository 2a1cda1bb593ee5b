"""The path attributes that one advertisement requests for one Service, with the Service's annotations. Pure."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from exalb.announcement.advertisements import Contribution
from exalb.api.community_values import AnyCommunity
from exalb.api.reasons import Reason, Refusal
from exalb.model.cluster import AttributeOverrides
from exalb.validation.advertisements import ActiveAdvertisement
from exalb.validation.community_names import resolve_communities
from exalb.validation.override_limits import accepted_part, refused_value
from exalb_bgp.rib import is_host_route
from exalb_bgp.session import Session

Value = TypeVar("Value")
NO_OVERRIDES = AttributeOverrides()


class RequestedAttributes(NamedTuple):
    """The attributes that one advertisement requests."""

    name: str
    """The name of the advertisement."""
    local_pref: int | None
    med: int | None
    as_path_prepend: int | None
    communities: tuple[AnyCommunity, ...]
    overrides: AttributeOverrides
    """The part of it that comes from annotations."""
    service: str = ""
    """The Service with these annotations."""

    def describe(self, field: str, label: str) -> str:
        """Write who requests which value, as in `a (med 5)`."""
        source = f", requested by {self.service}" if getattr(self.overrides, field) is not None else ""
        return f"{self.name} ({label} {getattr(self, field)}{source})"

    def carried_by(self, session: Session) -> "RequestedAttributes":
        """Leave out the attributes that such a session does not carry.

        LOCAL_PREF is sent to iBGP peers only (RFC 4271 §5.1.5), and a speaker adds its AS to AS_PATH towards eBGP peers
        only (§5.1.2): a peer that finds its own AS there ignores the route.
        """
        if session.is_ibgp:
            return self if self.as_path_prepend is None else self._replace(as_path_prepend=None)
        return self if self.local_pref is None else self._replace(local_pref=None)


def requested(part: Contribution, names: Mapping[str, AnyCommunity]) -> RequestedAttributes | Refusal:
    """Return the attributes of a contribution; annotations apply to host routes only."""
    advertisement, service = part.advertisement, part.candidate.service
    spec, communities = advertisement.spec, advertisement.communities
    asked = service.request.overrides if is_host_route(part.prefix) else None
    if asked is None:
        return communities if isinstance(communities, Refusal) else _own(advertisement, communities)
    overrides = accepted_part(spec, asked)
    if overrides.problem:
        return Refusal(Reason.INVALID_REQUEST, overrides.problem)
    if refusal := refused_value(spec, advertisement.name, overrides, names):
        return refusal
    if overrides.communities is not None:
        communities = resolve_communities(overrides.communities, names, str(service.key))
    if isinstance(communities, Refusal):
        return communities
    return RequestedAttributes(
        advertisement.name,
        _either(overrides.local_pref, spec.local_pref),
        _either(overrides.med, spec.med),
        _either(overrides.as_path_prepend, spec.as_path_prepend),
        communities,
        overrides,
        str(service.key),
    )


def _own(advertisement: ActiveAdvertisement, communities: tuple[AnyCommunity, ...]) -> RequestedAttributes:
    """Return what an advertisement requests where no annotation does: of nearly every route."""
    spec = advertisement.spec
    return RequestedAttributes(
        advertisement.name, spec.local_pref, spec.med, spec.as_path_prepend, communities, NO_OVERRIDES
    )


def _either(first: Value | None, second: Value | None) -> Value | None:
    return second if first is None else first
