"""Answers about the object that a person names, such as `service/web`. Pure."""

from ipaddress import ip_address

from exalb.explain.address import explain_address
from exalb.explain.answer import Answer
from exalb.explain.node import explain_node
from exalb.explain.observed import Observed
from exalb.explain.peer import explain_peer
from exalb.explain.service import explain_service
from exalb.model.cluster import Key
from exalb_bgp.rib import Address


def explain(observed: Observed, subject: str, namespace: str) -> Answer:
    """Return the answer about a subject; a Service without a namespace is in `namespace`. Raises ValueError."""
    kind, key = parse_subject(subject, namespace)
    if isinstance(key, Key):
        return explain_service(observed, key)
    if not isinstance(key, str):
        return explain_address(observed, key)
    return (explain_peer if kind == "peer" else explain_node)(observed, key)


def parse_subject(text: str, namespace: str) -> tuple[str, Key | Address | str]:
    """Return the kind of a subject, such as `service/web`, and its key, address or name; ValueError if it is none."""
    kind, _, name = text.partition("/")
    match kind.lower():
        case "service" | "services" | "svc" if name:
            home, _, own = name.rpartition("/")
            return "service", Key(home or namespace, own)
        case "address" | "ip" if name:
            return "address", ip_address(name)
        case "peer" | "peers" | "bgppeer" | "exapeer" | "bgppeers.exalb.io" if name:
            return "peer", name
        case "node" | "nodes" | "bgpspeaker" | "exaspeaker" | "bgpspeakers.exalb.io" if name:
            return "node", name
    raise ValueError(f"{text!r} is not service/NAME, address/IP, peer/NAME or node/NAME")
