"""Completes the spec of a BGPPeer from the one that it names as its template. Pure.

A template is used even if it is not active itself. Templates do not nest. The API server fills in no defaults of a
BGPPeer, so that an unset field can be recognized.
"""

from collections.abc import Mapping

from exalb.api.peer import BGPPeerSpec
from exalb.api.reasons import Finding, Reason
from exalb.model.cluster import Peer

OWN = frozenset({"template", "peer_address", "peer_address_from", "node_selectors"})
"""Fields that a peer never takes from a template: they identify the session."""
EITHER = (("my_asn", "my_asn_from"), ("peer_asn", "peer_asn_from"), ("router_id", "router_id_from"))
"""Of each pair only one is set; a peer that sets one does not take the other."""


def resolve_templates(peers: Mapping[str, Peer]) -> tuple[list[tuple[Peer, BGPPeerSpec]], list[Finding]]:
    """Return each peer that has a complete spec, with that spec, and why others have none."""
    resolved: list[tuple[Peer, BGPPeerSpec]] = []
    findings: list[Finding] = []
    for peer in peers.values():
        if peer.spec is None:
            continue
        spec = peer.spec if peer.spec.template is None else _filled(peer.spec, peers.get(peer.spec.template))
        if isinstance(spec, BGPPeerSpec):
            resolved.append((peer, spec))
        else:
            findings.extend(Finding("BGPPeer", peer.name, *error) for error in spec)
    return resolved, findings


def _filled(spec: BGPPeerSpec, template: Peer | None) -> BGPPeerSpec | list[tuple[str, Reason, str]]:
    """Return the complete spec, or why there is none."""
    if template is None:
        message = f"BGPPeer {spec.template} not found: create it, or name another template"
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
