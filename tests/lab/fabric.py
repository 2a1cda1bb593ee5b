"""The lab's network: control plane, nodes and router on a switch, and a client behind the router or on the switch."""

from ipaddress import IPv4Network, IPv6Network

from tests.lab import layout, network
from tests.lab.layout import Layout, Mode
from tests.lab.network import Bridge, Interface, Namespace

FABRIC, CONTROL_PLANE, ROUTER, CLIENT = "fabric", "cp", "router", "client"
EVERYTHING4, EVERYTHING6 = IPv4Network("0.0.0.0/0"), IPv6Network("::/0")


def build(lab: Layout, nodes: int, mode: Mode) -> None:
    """Lay everything out for a control plane, `nodes` nodes, the router and the client."""
    switch = network.bridge(Namespace.create(lab.name, FABRIC))
    control = Namespace.create(lab.name, CONTROL_PLANE)
    join(switch, control, layout.CONTROL_PLANE)
    router = Namespace.create(lab.name, ROUTER, forwarding=True)
    join(switch, router, layout.ROUTER)
    router.drop(layout.NAMESERVER)
    client = Namespace.create(lab.name, CLIENT)
    if mode is Mode.L2:
        join(switch, client, layout.CLIENT)
    else:
        _outside(router, client)
    numbers = range(1, nodes + 1)
    for number in numbers:
        node = Namespace.create(lab.name, f"n{number}", forwarding=True)
        join(switch, node, layout.NODES[number - 1])
        default_route(node, *layout.on_fabric(layout.ROUTER))
        pod_routes(node, [other for other in numbers if other != number])
    for namespace in (control, router):
        pod_routes(namespace, numbers)


def join(switch: Bridge, namespace: Namespace, host: int) -> None:
    """Put a namespace on the switch as host `host`."""
    network.attach(switch, namespace)
    namespace.address("eth0", *layout.on_fabric(host))


def switch_of(lab: Layout) -> Bridge:
    """Return the lab's switch."""
    return Bridge(lab.namespace(FABRIC), "br0")


def default_route(namespace: Namespace, *gateways: Interface) -> None:
    """Send everything that is not on a link through `gateways`, one for each family."""
    for gateway in gateways:
        namespace.route(EVERYTHING4 if gateway.version == 4 else EVERYTHING6, gateway.ip)


def pod_routes(namespace: Namespace, numbers: list[int] | range) -> None:
    """Reach the pods of nodes directly through them, as a cluster's network plugin would arrange."""
    for number in numbers:
        (pods4, pods6), (via4, via6) = layout.pods(number), layout.on_fabric(layout.NODES[number - 1])
        namespace.route(pods4, via4.ip)
        namespace.route(pods6, via6.ip)


def _outside(router: Namespace, client: Namespace) -> None:
    network.connect(router, "eth1", client, "eth0")
    router.address("eth1", *layout.outside(1))
    client.address("eth0", *layout.outside(2))
    default_route(client, *layout.outside(1))
