"""The routes that ExaBGP holds for one peer, and the UPDATEs made of them, with the changes that ExaLB needs."""

from collections.abc import Sequence
from typing import Any

from exabgp.bgp.message import Action, Update
from exabgp.protocol.family import AFI, SAFI
from exabgp.rib.outgoing import OutgoingRIB

from exalb_bgp.exabgp.server.routes import Route

_IPV4 = AFI.ipv4, SAFI.unicast


class PatchedRib(OutgoingRIB):  # type: ignore[misc]  # ExaBGP has no types
    """The Adj-RIB-Out of one peer."""

    def add_all(self, routes: Sequence[Route]) -> None:
        """Add routes of one family that share attributes and next hop, as `add_to_rib` does one by one."""
        first = routes[0]
        family, attributes, hop = first.nlri.family().afi_safi(), first.attributes.index(), first.nlri.nexthop.index()
        seen = self._seen.setdefault(family, {})
        queued = self._new_attr_af_nlri.setdefault(attributes, {}).setdefault(family, {})
        self._new_attribute[attributes] = first.attributes
        for route in routes:
            index = route.index()
            if route.nlri.action == Action.WITHDRAW:
                seen.pop(index, None)
            else:
                held = seen.get(index)
                if held and held.attributes.index() == attributes and held.nlri.nexthop.index() == hop:
                    continue
                seen[index] = route
            queued[index] = self._new_nlri[index] = route


class PatchedUpdate(Update):  # type: ignore[misc]  # ExaBGP has no types
    """An UPDATE that is sent."""

    def _split_nlris(self, negotiated: Any) -> tuple[Any, Any]:  # noqa: ANN401 - ExaBGP has no types
        """Leave IPv4 prefixes in their order; ExaBGP sorts them by a key that it makes for each comparison."""
        native = _IPV4 in negotiated.families and all(
            nlri.afi == AFI.ipv4 and (nlri.action == Action.WITHDRAW or nlri.nexthop.afi == AFI.ipv4)
            for nlri in self.nlris
        )
        return (self.nlris, {}) if native else super()._split_nlris(negotiated)
