"""Notes about objects that are not migrated: other kinds, the ConfigMap of old, and Services of other classes. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from exalb.api.address_ranges import AddressRange
from exalb.migration.layer2 import L2
from exalb.migration.metallb_objects import METALLB, SPECS
from exalb.migration.notes import About, Json, Note
from exalb.model.cluster import Key, Service
from exalb.model.scope import CLASS

OLD_HINT = (
    "MetalLB before 0.13 was configured by it. Convert it into MetalLB's custom resources with MetalLB's own converter"
    " (configmaptocrs), and migrate these"
)
_REPORTS = ("ServiceBGPStatus", "ServiceL2Status")
"""Kinds that MetalLB alone writes; they configure nothing."""
_FRR = "ExaLB does not read configurations of FRR: check if your sessions need its content"
_FRR_EXTRAS = "bgpextras"
_GENERATED = "metallb-"
"""MetalLB writes an FRRConfiguration of such a name for each node."""
_MESSAGES = {
    "AddressPool": "MetalLB reads no AddressPool since 0.14: replace it by an IPAddressPool",
    "FRRConfiguration": _FRR,
}


def is_old_config(raw: Json) -> bool:
    """Whether a ConfigMap is the configuration of MetalLB before 0.13."""
    text = str((raw.get("data") or {}).get("config", ""))
    return raw["kind"] == "ConfigMap" and ("address-pools" in text or "peers" in text)


def other_notes(found: Mapping[tuple[str, str], Json]) -> Iterator[Note]:
    """Yield the notes about objects of the kinds that are not migrated."""
    for (kind, name), raw in found.items():
        about = About(kind, name)
        if kind == "ConfigMap":
            yield from _config_map(raw, about)
        elif kind == "ConfigurationState":
            yield from _stale(raw.get("status") or {}, about)
        elif kind in _MESSAGES:
            if not (kind == "FRRConfiguration" and name.startswith(_GENERATED)):
                yield about.lost("", _MESSAGES[kind])
        elif raw["apiVersion"].startswith(f"{METALLB}/") and kind not in (*SPECS, *_REPORTS, L2):
            yield about.lost("", "is a kind of MetalLB that this version of ExaLB does not know")


def _config_map(raw: Json, about: About) -> Iterator[Note]:
    if is_old_config(raw):
        yield about.lost("data.config", f"is not migrated. {OLD_HINT}")
    elif about.name == _FRR_EXTRAS:
        yield about.lost("data", _FRR)


def _stale(status: Mapping[str, object], about: About) -> Iterator[Note]:
    if status.get("result") == "Invalid":
        why = status.get("errorSummary") or "it gives no reason"
        yield about.differs("status.result", f"is Invalid, so MetalLB may use an older configuration: {why}")


def service_notes(services: Mapping[Key, Service], made: Iterable[Json]) -> Iterator[Note]:
    """Yield notes about Services that ExaLB does not manage because of their class."""
    texts = [text for raw in made if raw["kind"] == "IPAddressPool" for text in raw["spec"]["addresses"]]
    ranges = [AddressRange.parse(text) for text in texts]
    for key, service in sorted(services.items()):
        other = service.load_balancer_class not in (None, CLASS)
        held = [address for address in service.held if any(address in part for part in ranges)]
        if service.is_load_balancer and other and held:
            message = (
                f"is {service.load_balancer_class}, which ExaLB does not manage, and cannot be changed: create the"
                f" Service again with loadBalancerClass {CLASS} and the annotation"
                f" exalb.io/addresses: {','.join(map(str, held))}"
            )
            yield About("Service", str(key)).lost("spec.loadBalancerClass", message)
