"""Makes small clusters in which everything is likely to meet: few addresses, overlapping pools, equal keys and ports.

Objects are made as they are written in manifests, so that what holds for them holds from the text on. They come from
numbers: a seed says what each object is like, so that rich clusters are as likely as poor ones.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.objects import (
    UNNAMED,
    Object,
    advertisement,
    assigned,
    community,
    endpoint,
    endpoints,
    namespace,
    node,
    peer,
    pool,
    service,
    service_cidr,
    wants,
)

NAMESPACES = ("default", "team")
SERVICES = tuple(f"{home}/{name}" for home in NAMESPACES for name in "abc")
NODES = ("n1", "n2")
V4 = tuple(f"198.51.100.{n}" for n in range(8))
V6 = tuple(f"2001:db8::{n:x}" for n in range(8))

_BLOCKS = ("198.51.100.0/30", "198.51.100.4/31", "198.51.100.2-198.51.100.5", "198.51.100.6-198.51.100.7")
_ROUTERS = ("2001:db8:113::1", "127.0.0.5", "::1")
_NO_HOSTS = ("127.0.0.1", "0.0.0.0", "224.0.0.1", "169.254.0.1", "::1", "ff02::1", "fe80::1")
"""Addresses that no route can have as next hop."""
_BLOCKS_6 = ("2001:db8::/126", "2001:db8::4-2001:db8::6")
_PAIRS = ("198.51.100.1, 2001:db8::1", "2001:db8::2,198.51.100.2")
_ODD = ("203.0.113.1", "x")
_MANY = tuple(
    ",".join(form.format(number) for number in range(first, first + count))
    for form in ("{}:1", "large:{}:1:1", "target:{}:1")
    for first, count in ((1, 63), (40, 50), (1, 5000))
)
"""Communities of a Service: as many as are allowed, others, and too many."""


def identity(raw: Object) -> tuple[str, str, str]:
    """Return the identity of an object."""
    return raw["kind"], raw["metadata"].get("namespace", ""), raw["metadata"]["name"]


class Maker:
    """Makes objects by chance."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def some(self, odds: float, **choices: Any) -> dict[str, Any]:
        """Take each field with these odds, with one of its choices."""
        return {key: self.one(*of) for key, of in choices.items() if self._random.random() < odds}

    def one(self, *choices: Any) -> Any:
        """Take one of these."""
        return self._random.choice(choices)

    def few(self, most: int, *choices: Any) -> list[Any]:
        """Take up to `most` different ones."""
        return self._random.sample(choices, self._random.randint(0, most))

    def selectors(self, key: str, *values: str) -> list[Object]:
        """Make label selectors over one label."""
        absent = {"matchExpressions": [{"key": key, "operator": "DoesNotExist"}]}
        return [self.one({"matchLabels": {key: self.one(*values)}}, {"matchLabels": {key: values[0]}}, absent)]

    def day(self) -> Any:
        """Make an age."""
        return self.one(None, 1, 2, 3)

    def pool(self, name: str) -> Object:
        """Make an IPAddressPool, now and then one that is invalid."""
        blocks = self.few(2, *_BLOCKS) + self.few(2, *_BLOCKS_6)
        blocks += ["?"] if self._random.random() < 0.03 else []
        held_back = [
            {"address": address, "namespace": self.one(*NAMESPACES), **self.some(0.7, service="abc")}
            for address in self.few(2, *V4, *V6)
        ]
        allocation = self.some(0.5, priority=(0, 1, 2)) | self.some(0.3, namespaces=(["team"],))
        allocation |= self.some(0.2, namespaceSelectors=(self.selectors("tier", "blue", "red"),))
        allocation |= self.some(0.2, serviceSelectors=(self.selectors("app", "x", "y"),))
        spec = self.some(0.15, autoAssign=(False, True), avoidBuggyIPs=(True,), disabled=(True, False))
        spec |= self.some(0.3, allowCrossNamespaceSharing=(True,))
        spec |= self.some(0.3, quotaPerNamespace=(1, 2, 3), serviceAllocation=(allocation,), reservations=(held_back,))
        return pool(
            name, *(blocks or _BLOCKS[:1]), day=self.day(), **spec, **self.some(0.5, labels=({"tier": "front"},))
        )

    def service(self, name: str) -> Object:
        """Make a Service; the addresses in its status may be invalid, of another controller, or of others too."""
        requests = self.some(0.2, addresses=(*V4 * 3, *V6, *_PAIRS * 2, *_ODD), pool=("a", "a", "b", "z"))
        requests |= self.some(0.5, sharing_key="kl") | self.some(0.3, sharing_namespaces=("team", "default,team", "*"))
        requests |= self.some(
            0.2, communities=("NO_EXPORT", "1:1", "blue", "oops!", *_MANY), med=("5", "much"), adresses=V4[:1]
        )
        spec = self.some(0.9, ports=([{"port": 80}], [{"port": 81}], [{"port": 80, "protocol": "UDP"}]))
        spec |= self.some(0.1, type=("ClusterIP",), loadBalancerClass=("exalb.io/bgp", "example.org/lb"))
        spec |= self.some(0.05, loadBalancerIP=V4)
        spec |= self.some(
            0.3,
            ipFamilyPolicy=("SingleStack", "PreferDualStack", "RequireDualStack"),
            ipFamilies=(["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]),
            externalTrafficPolicy=("Local", "Cluster"),
            selector=({"app": "x"}, {"app": "y"}),
        )
        spec |= self.some(0.1, clusterIPs=(["10.96.0.1"], ["fd00:96::1"], ["10.96.0.1", "fd00:96::1"]))
        held = self.one([], self.few(1, *V4) + self.few(1, *V6), self.few(2, *V4, *V6))
        spec |= self.some(0.1, externalIPs=(V4[:1], V4[5:7]))
        labels = self.some(0.4, labels=({"app": "x"}, {"app": "y"}))
        raw = service(name, *held, annotations=wants(**requests), day=self.day(), **labels, **spec)
        raw["metadata"] |= self.some(0.05, deletionTimestamp=("2026-01-09T08:00:00Z",))
        if not held or self._random.random() < 0.3:
            return raw
        return assigned(raw, **self.one({}, {"spec": {"ports": [{"port": 82}]}}))

    def ports(self) -> list[Object]:
        """Make the ports of an EndpointSlice: mostly those of Services that have one without a name."""
        few = [[], [{"name": "other", "port": 1}], [{"name": "", "protocol": "TCP"}], list(UNNAMED[:1])]
        return list(self.one(*[list(UNNAMED)] * 12, *few))

    def slice(self, of: str) -> Object:
        """Make one of the EndpointSlices of a Service: of IPv4, of IPv6, or a third that may repeat either."""
        of, _, number = of.rpartition("-")
        states: tuple[dict[str, Any], ...] = (
            {},
            {},
            {"ready": True},
            {"ready": False},
            {"ready": False, "serving": True},
        )
        found = [
            endpoint(f"10.88.1.{self.one(1, 2)}", self.one(*NODES, None), **self.one(*states))
            for _ in range(self.one(1, 2))
        ]
        family = ("IPv4", "IPv6", self.one("IPv4", "IPv6", "FQDN"))[int(number)]
        name = f"{of.rpartition('/')[2]}-{number}"
        return endpoints(of, *found, family=family, name=name, ports=self.ports())

    def node(self, name: str) -> Object:
        """Make a Node, which may have an address of a pool or of a peer."""
        addresses = self.few(2, *_NO_HOSTS) if self._random.random() < 0.1 else []
        addresses += self.few(2, "10.77.0.11", "10.77.0.12", "fd00:77::11", "fd00:77::12", V4[3], "203.0.113.2")
        labels = self.some(0.6, rack="12")
        labels |= self.some(0.05, **{"node.kubernetes.io/exclude-from-external-load-balancers": ("",)})
        said = self.some(0.7, router=("203.0.113.1", "203.0.113.4", V4[0], "?"), asn=("64513", "0"))
        labels |= {"annotations": {f"rack.example.org/{key}": value for key, value in said.items()}}
        return node(name, *addresses, **labels, **self.some(0.05, unavailable=("True", "False")))

    def peer(self, name: str) -> Object:
        """Make a BGPPeer, now and then one that is invalid or in another's way, or at an address of a pool."""
        spec = self.some(0.2, families=(["IPv4"], ["IPv6"]), nextHop=("203.0.113.9", "2001:db8:113::9", V4[1], "::1"))
        spec |= self.some(0.3, nodeSelectors=(self.selectors("rack", "1", "2"),), labels=({"site": "x"},))
        spec |= self.some(0.03, passwordSecretRef=({"name": "nowhere"},), holdTime=(1,))
        spec |= {
            "peerAddress": self.one(
                "203.0.113.1", "203.0.113.2", "203.0.113.3", "2001:db8:113::1", V4[2], "127.0.0.5", "::1"
            )
        }
        spec |= self.one({}, {}, {}, {"peerAddress": "fe80::1", "sourceInterface": "eth0"}, {"extendedNextHop": True})
        spec |= {"peerASN": self.one(64512, 64513)}
        # The third letter is nobody's.
        spec |= self.one({}, {}, {}, {"template": self.one("p", "q", "p", "q", "r"), "peerASN": None})
        # A field that is None is not there: the node says it instead.
        annotation = {"nodeAnnotation": "rack.example.org/router"}
        router = self.one(annotation, annotation, {"defaultGateway": "IPv4"})
        spec |= self.one({}, {}, {}, {"peerAddress": None, "peerAddressFrom": router})
        spec |= self.one({}, {}, {}, {"peerASN": None, "peerASNFrom": {"nodeAnnotation": "rack.example.org/asn"}})
        return peer(name, day=self.day(), **spec)

    def advertisement(self, name: str) -> Object:
        """Make a BGPAdvertisement."""
        spec = self.some(0.15, ipAddressPools=(["a"], ["b", "z"], ["z"]), peers=(["p"], ["q", "z"]))
        spec |= self.some(
            0.15,
            ipAddressPoolSelectors=(self.selectors("tier", "front"),),
            serviceSelectors=(self.selectors("app", "x", "y"),),
            nodeSelectors=(self.selectors("rack", "1", "2"),),
            peerSelectors=(self.selectors("site", "x"),),
        )
        spec |= self.some(0.3, aggregationLength=(24, 30, 31), aggregationLengthV6=(64, 126, 127))
        spec |= self.some(0.3, localPref=(100, 200), med=(0, 5), weight=("Endpoints",), allowServiceOverrides=(True,))
        lists = (["1:1"], ["NO_EXPORT", "large:1:2:3"], ["target:1:1", "1:1"], ["blue"], ["red"])
        spec |= self.some(0.4, communities=(*lists, *(text.split(",")[:63] for text in _MANY)))
        return advertisement(name, day=self.day(), **spec, **self.some(0.02, asPathPrepend=(-1,)))

    def community(self, name: str) -> Object:
        """Make a Community, which may give a name another meaning than its neighbour does."""
        return community(name, day=self.day(), **self.some(0.7, blue=("7:7", "large:7:7:7"), red=("8:8", "NO_PEER")))

    def service_cidr(self, name: str) -> Object:
        """Make a ServiceCIDR, which may lie across a pool."""
        return service_cidr(self.one("10.96.0.0/16", "10.96.0.0/16", "198.51.100.4/31"), "fd00:96::/112", name=name)

    def namespace(self, name: str) -> Object:
        """Make a Namespace."""
        return namespace(name, **self.some(0.5, tier=("blue",)))


_MAKE: tuple[tuple[Callable[[Maker, str], Object], str], ...] = (
    *((Maker.pool, name) for name in "abc"),
    *((Maker.service, name) for name in SERVICES),
    *((Maker.slice, f"{name}-{number}") for name in SERVICES for number in (0, 1, 2)),
    *((Maker.node, name) for name in NODES),
    *((Maker.peer, name) for name in "pq"),
    (Maker.service_cidr, "kubernetes"),
    *((Maker.community, name) for name in "uv"),
    *((Maker.namespace, name) for name in NAMESPACES),
    *((Maker.advertisement, name) for name in "mno"),
)
EVERYTHING = (1 << len(_MAKE)) - 1
ORDINARY = EVERYTHING >> 3
"""Everything except the advertisements: then every pool is announced to every peer."""


def make_one(which: int, seed: int) -> Object:
    """Make one object of any kind."""
    make, name = _MAKE[which % len(_MAKE)]
    return make(Maker(seed), name)


def make_cluster(seed: int, there: int) -> list[Object]:
    """Make the objects whose bits are set in `there`."""
    drawn = enumerate(_MAKE)
    return [make(Maker(seed * 100 + index), name) for index, (make, name) in drawn if there >> index & 1]
