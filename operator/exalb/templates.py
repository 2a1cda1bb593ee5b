"""What a BGPPeer takes from the one that it names as its template. Pure.

It goes by what is written, one level deep: whether the other peer is in force does not matter, and one that takes from
a third is no template. The API server fills in no defaults of a BGPPeer, so that what is unset can be told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from exalb.cluster import Peer
from exalb.reasons import Invalid, Reason
from exalb.resources.peer import BGPPeerSpec

OWN = frozenset({"template", "peer_address", "peer_address_from", "node_selectors"})
"""What a peer never takes: they say which session it is, and not how it is."""
EITHER = (("my_asn", "my_asn_from"), ("peer_asn", "peer_asn_from"), ("router_id", "router_id_from"))
"""Who sets one of two has no use for the other."""


def complete(peers: Mapping[str, Peer], invalid: list[Invalid]) -> Iterator[Peer]:
    """Yield the peers with whole specs; note in `invalid` why others have none."""
    for peer in peers.values():
        spec = peer.spec
        if spec is None:
            continue
        found = spec if spec.template is None else _filled(spec, peers.get(spec.template))
        if isinstance(found, BGPPeerSpec):
            yield peer if found is spec else replace(peer, spec=found)
        else:
            invalid.extend(Invalid("BGPPeer", peer.name, *flaw) for flaw in found)


def _filled(spec: BGPPeerSpec, template: Peer | None) -> BGPPeerSpec | list[tuple[str, Reason, str]]:
    """Return the whole spec, or what stands in its way."""
    if template is None:
        message = f"there is no BGPPeer {spec.template}, from which the rest is to be taken: make it, or name another"
        return [("spec.template", Reason.TEMPLATE_NOT_FOUND, message)]
    if template.spec is spec:
        return [("spec.template", Reason.TEMPLATE_UNUSABLE, "names the peer itself: leave it out, or name another")]
    if template.spec is None:
        message = f"BGPPeer {template.name} breaks a rule of the schema: see its own condition Ready"
        return [("spec.template", Reason.TEMPLATE_UNUSABLE, message)]
    if template.spec.template is not None:
        message = f"BGPPeer {template.name} has a template itself: name {template.spec.template}, or what stands alone"
        return [("spec.template", Reason.TEMPLATE_UNUSABLE, message)]
    taken = template.spec.model_fields_set - spec.model_fields_set - OWN
    for pair in EITHER:
        if spec.model_fields_set.intersection(pair):
            taken = taken.difference(pair)
    values = {field: getattr(template.spec, field) for field in taken}
    whole = spec.model_copy(update={**values, "template": None})
    return (
        whole
        if not whole.mistakes()
        else [
            (f"spec.{field}", Reason.INVALID_SPEC, f"together with BGPPeer {template.name}, {message}")
            for field, message in whole.mistakes()
        ]
    )
