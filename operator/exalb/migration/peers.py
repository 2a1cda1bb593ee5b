"""BGPPeers of MetalLB as BGPPeers of ExaLB. Pure."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from exalb.migration.bfd import peer_bfd
from exalb.migration.durations import seconds
from exalb.migration.metallb_objects import PeerSpec, ProfileSpec, Selector, unknown
from exalb.migration.notes import About, Note

LABEL = "exalb.io/migration"
"""The label of a Node that decides which of the two products has the node's BGP sessions during the migration."""
AT_METALLB, AT_EXALB = "metallb", "exalb"
DEFAULT_PORT = 179

_NEEDS_ADDRESS = "ExaLB needs the address of the router"


def peer_spec(
    spec: PeerSpec, about: About, *, all_nodes: bool, profiles: Mapping[str, ProfileSpec]
) -> tuple[dict[str, Any] | None, list[Note]]:
    """Return the spec of the peer, None where a session would differ too much, and the notes."""
    blocking = list(_blocking(spec, about))
    notes = [*unknown(spec, about), *blocking, *_without_counterpart(spec, about)]
    if blocking:
        return None, notes
    made: dict[str, Any] = {}
    for part, more in (_ends(spec, about), _timers(spec, about), _options(spec, about)):
        made |= part
        notes += more
    bfd, more = peer_bfd(spec, about, profiles)
    made |= {} if bfd is None else {"bfd": bfd}
    notes += more
    selectors = list(spec.node_selectors) if all_nodes else _migrated_nodes(spec.node_selectors)
    return made | ({"nodeSelectors": selectors} if selectors else {}), notes


def password_secret(name: str, spec: PeerSpec) -> str | None:
    """Return the name of the Secret that the migrated peer needs; None if it has no password."""
    if spec.password_secret.name:
        return spec.password_secret.name
    return f"metallb-{name}" if spec.password else None


def password_command(name: str, spec: PeerSpec, theirs: str, ours: str) -> str | None:
    """Return the command that copies the password of a peer into ExaLB's namespace; it shows no password."""
    secret = password_secret(name, spec)
    if secret is None:
        return None
    if spec.password_secret.name:
        read = f"kubectl get secret {secret} -n {theirs} -o jsonpath='{{.data.password}}' | base64 -d"
    else:
        read = f"kubectl get bgppeers.metallb.io {name} -n {theirs} -o jsonpath='{{.spec.password}}'"
    kind = "--type=kubernetes.io/basic-auth"
    return f'kubectl create secret generic {secret} -n {ours} {kind} --from-literal=password="$({read})"'


def _blocking(spec: PeerSpec, about: About) -> Iterator[Note]:
    """Yield the differences because of which no peer is written."""
    if not spec.my_asn:
        yield about.lost("spec.myASN", "is 0 or missing, which MetalLB does not use either: the peer is not written")
    if spec.interface:
        message = (
            f"{_NEEDS_ADDRESS}: the peer is not written. Write a BGPPeer with peerAddress (a link-local one too) and"
            f" sourceInterface: {spec.interface}"
        )
        yield about.lost("spec.interface", message)
    elif not spec.peer_address:
        yield about.lost("spec.peerAddress", f"{_NEEDS_ADDRESS}: the peer is not written")
    if spec.dynamic_asn == "external":
        message = "ExaLB needs the AS number of the router: the peer is not written. Write a BGPPeer with peerASN"
        yield about.lost("spec.dynamicASN", message)
    if spec.vrf:
        message = (
            "ExaLB knows no VRFs: the peer is not written. A BGPPeer with sourceInterface: "
            f"{spec.vrf} binds the session to the VRF's device; try it on one node"
        )
        yield about.lost("spec.vrf", message)


def _without_counterpart(spec: PeerSpec, about: About) -> Iterator[Note]:
    """Yield notes about settings that the migrated peer does not have."""
    if spec.connect_time is not None:
        yield about.note("spec.connectTime", "is not needed: ExaLB connects again after a few seconds")
    if spec.disable_mp:
        yield about.note("spec.disableMP", "is not needed: families says which families the session carries")
    if spec.password and spec.password_secret.name:
        yield about.differs("spec.password", "passwordSecret is used: MetalLB accepts only one of the two")


def _ends(spec: PeerSpec, about: About) -> tuple[dict[str, Any], list[Note]]:
    notes = []
    made: dict[str, Any] = {"myASN": spec.local_asn or spec.my_asn}
    made["peerASN"] = spec.my_asn if spec.dynamic_asn == "internal" and not spec.peer_asn else spec.peer_asn
    made["peerAddress"] = _canonical(spec.peer_address)
    if spec.local_asn and spec.local_asn != spec.my_asn:
        message = (
            f"is written as myASN {spec.local_asn}. MetalLB in its mode frr-k8s ignores localASN: check which AS"
            " number the router expects"
        )
        notes.append(about.differs("spec.localASN", message))
    if spec.source_address:
        made["sourceAddress"] = _canonical(spec.source_address)
        message = "MetalLB in its mode frr-k8s ignores it, ExaLB uses it: check that each node has this address"
        notes.append(about.differs("spec.sourceAddress", message))
    if spec.peer_port not in (0, DEFAULT_PORT):
        made["peerPort"] = spec.peer_port
    if spec.router_id:
        if ":" in spec.router_id:
            notes.append(about.lost("spec.routerID", "is no IPv4 address, as a BGP identifier is: it is left out"))
        else:
            made["routerID"] = spec.router_id
    return made, notes


def _timers(spec: PeerSpec, about: About) -> tuple[dict[str, Any], list[Note]]:
    notes, times = [], {}
    for field, text in (("holdTime", spec.hold_time), ("keepaliveTime", spec.keepalive_time)):
        try:
            times[field] = None if text is None else seconds(text)
        except ValueError as error:
            times[field] = None
            notes.append(about.lost(f"spec.{field}", f"{error}. It is left out"))
    hold, keepalive = times["holdTime"], times["keepaliveTime"]
    if hold is None and keepalive:
        hold = 3 * keepalive
    if hold is None:
        message = "is unset: ExaLB's default is 90 seconds, MetalLB's is 180 in its FRR modes and 90 in native mode"
        return {}, [*notes, about.note("spec.holdTime", message)]
    if keepalive is not None and keepalive != hold // 3:
        message = f"ExaLB sends keepalives three times per holdTime, here every {hold // 3} seconds"
        notes.append(about.differs("spec.keepaliveTime", message))
    return {"holdTime": f"{hold}s"}, notes


def _options(spec: PeerSpec, about: About) -> tuple[dict[str, Any], list[Note]]:
    notes: list[Note] = []
    made: dict[str, Any] = {}
    if secret := password_secret(about.name, spec):
        made["passwordSecretRef"] = {"name": secret}
        message = f"ExaLB reads the Secret {secret} in its own namespace: `--steps` has the command that copies it"
        notes.append(about.differs("spec.passwordSecret" if spec.password_secret.name else "spec.password", message))
    if spec.ebgp_multi_hop:
        made["ebgpMultiHop"] = True
    if not spec.enable_graceful_restart:
        made["gracefulRestart"] = {"enabled": False}
        message = (
            "is off, as in MetalLB. If it is on, which is ExaLB's default, the router keeps the routes while a"
            " node's BGP engine restarts: remove gracefulRestart from the manifest for that"
        )
        notes.append(about.note("spec.enableGracefulRestart", message))
    if not spec.dual_stack_address_family:
        family = "IPv6" if ":" in spec.peer_address else "IPv4"
        made["families"] = [family]
        if spec.dual_stack_address_family is None and not spec.disable_mp:
            message = (
                f"families is {family}, as in MetalLB since 0.15. Before, a session carried both: remove families then"
            )
            notes.append(about.differs("spec.dualStackAddressFamily", message))
    return made, notes


def _migrated_nodes(selectors: tuple[Selector, ...]) -> list[Selector]:
    """Select of the nodes of a peer only those that are at ExaLB."""
    return [_and_migrated(selector) for selector in selectors or ({},)]


def _and_migrated(selector: Selector) -> Selector:
    labels = selector.get("matchLabels")
    return {**selector, "matchLabels": {**(labels if isinstance(labels, Mapping) else {}), LABEL: AT_EXALB}}


def selects_by_label(selector: Selector) -> bool:
    """Whether a selector of a BGPPeer selects only nodes that are at ExaLB."""
    return LABEL in (selector.get("matchLabels") or {})


def without_label(selectors: list[Selector]) -> list[Selector] | None:
    """Return the selectors without the condition on the label; None if they select every node then."""
    freed = []
    for selector in selectors:
        labels = {key: value for key, value in (selector.get("matchLabels") or {}).items() if key != LABEL}
        others = {field: value for field, value in selector.items() if field != "matchLabels" and value}
        freed.append({**({"matchLabels": labels} if labels else {}), **others})
    return freed if all(freed) else None


def _canonical(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return text
