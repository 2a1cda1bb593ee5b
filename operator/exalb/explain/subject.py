"""Answers about the object that a person names, such as `service/web`. Pure."""

from collections.abc import Sequence
from ipaddress import ip_address

from exalb.api.definitions import RESOURCES
from exalb.api.schema import GROUP
from exalb.explain.address import explain_address
from exalb.explain.answer import Answer
from exalb.explain.node import explain_node
from exalb.explain.observed import Observed
from exalb.explain.peer import explain_peer
from exalb.explain.service import explain_service
from exalb.model.cluster import Key
from exalb_bgp.rib import Address


def _names(kind: str) -> set[str]:
    """Return the names by which kubectl knows one of our kinds."""
    [resource] = (resource for resource in RESOURCES if resource.kind == kind)
    return {resource.short, *(name + group for name in (kind.lower(), resource.plural) for group in ("", f".{GROUP}"))}


SERVICE = {"service", "services", "svc"}
KINDS = {
    "service": SERVICE,
    "address": {"address", "ip"},
    "peer": {"peer", "peers", *_names("BGPPeer")},
    "node": {"node", "nodes", "no", *_names("BGPSpeaker")},
}
"""Of each kind of subject the names that people write: those that kubectl knows, too."""


def explain(observed: Observed, subject: str, namespace: str) -> Answer:
    """Return the answer about a subject; a Service without a namespace is in `namespace`. Raises ValueError."""
    kind, key = parse_subject(subject, namespace)
    if isinstance(key, Key):
        return explain_service(observed, key)
    if not isinstance(key, str):
        return explain_address(observed, key)
    return (explain_peer if kind == "peer" else explain_node)(observed, key)


def subject_of(words: Sequence[str]) -> str:
    """Return the subject that words of a command line name: `service/web`, or `service web`; ValueError for others."""
    if len(words) == 1 or (len(words) == 2 and "/" not in words[0]):
        return "/".join(words)
    raise ValueError(f"{' '.join(words)!r} is not one subject, such as service/NAME or service NAME")


def parse_subject(text: str, namespace: str) -> tuple[str, Key | Address | str]:
    """Return the kind of a subject, such as `service/web`, and its key, address or name; ValueError if it is none."""
    written, _, name = text.partition("/")
    kind = next((kind for kind, names in KINDS.items() if written.lower() in names and name), None)
    match kind:
        case "service":
            return kind, _key(name, namespace)
        case "address":
            return kind, ip_address(name)
        case "peer" | "node":
            return kind, name
    raise ValueError(f"{text!r} is not service/NAME, address/IP, peer/NAME or node/NAME")


def service_key(text: str, namespace: str) -> Key:
    """Return the key of a Service that is written `web`, `shop/web`, `service/web` or `svc/web`.

    `namespace` is the default. The plural is the name of a namespace here: keys are written as `services/web`, too.
    """
    kind, _, rest = text.partition("/")
    return _key(rest if kind.lower() in SERVICE - {"services"} and rest else text, namespace)


def _key(text: str, namespace: str) -> Key:
    home, _, name = text.rpartition("/")
    return Key(home or namespace, name)
