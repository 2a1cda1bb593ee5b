"""Peers for many racks: nodes know their router by annotation or default route, or one peer is like another."""

from ipaddress import ip_network

from exalb_bgp.rib import Address
from tests.lab import exalb, layout
from tests.lab.api import Json
from tests.lab.routers.router import Neighbor
from tests.stories.story import Story
from tests.stories.traffic import TIMEOUT
from tests.support import objects


def _peer(name: str, **spec: object) -> Json:
    return objects.peer(name, **{"myASN": None, "peerASN": None, "peerAddress": None, **spec})


def _conditions(story: Story, name: str) -> dict[str, tuple[str, str]]:
    found = story.lab.api.get(f"/apis/exalb.io/v1beta1/bgppeers/{name}").get("status", {}).get("conditions", [])
    return {condition["type"]: (condition["status"], condition["message"]) for condition in found}


def test_peer_by_annotation_serves_annotated_nodes_and_names_others(story: Story) -> None:
    """Address and both AS numbers come from the node; a wrong value harms that node's session, and no other."""
    story.lab.delete(story.peers())
    story.deploy("web")
    story.lab.apply(story.service("web"))
    [prefix] = map(ip_network, story.wait_addresses("web", seconds=TIMEOUT))
    first, second = (node.addresses[0] for node in story.lab.nodes)
    keys = {key: f"{story.name}/{key}" for key in ("router", "asn", "router-asn")}
    rack = _peer(
        f"{story.name}-rack",
        peerAddressFrom={"nodeAnnotation": keys["router"]},
        myASNFrom={"nodeAnnotation": keys["asn"]},
        peerASNFrom={"nodeAnnotation": keys["router-asn"]},
        families=["IPv4"],
    )
    values = {"router": str(story.gateway), "asn": str(layout.NODE_AS), "router-asn": str(story.asn)}
    said = [f"{keys[key]}={value}" for key, value in values.items()]
    try:
        story.lab.kubectl("annotate", "node", "n1", *said)
        story.lab.kubectl("annotate", "node", "n2", *said[:2], f"{keys['router-asn']}=65535")
        story.lab.apply(rack)
        story.wait_routes({prefix: frozenset({first})}, TIMEOUT)
        story.wait(
            "the peer names the node that says it wrong",
            lambda: (
                f"annotation {keys['router-asn']} of node n2" in _conditions(story, f"{story.name}-rack")["Ready"][1]
            ),
            TIMEOUT,
        )
        story.lab.kubectl("annotate", "--overwrite", "node", "n2", said[2])
        story.wait_routes({prefix: frozenset({first, second})}, TIMEOUT)
        story.wait(
            "the BGPPeer is Ready", lambda: _conditions(story, f"{story.name}-rack")["Ready"][0] == "True", TIMEOUT
        )
        story.lab.kubectl("annotate", "node", "n1", f"{keys['router']}-")
        story.wait_routes({prefix: frozenset({second})}, TIMEOUT)
    finally:
        story.lab.delete(rack)
        for node in ("n1", "n2"):
            story.lab.kubectl("annotate", "node", node, *(f"{key}-" for key in keys.values()))


def test_default_gateway_of_each_node_is_its_peer(story: Story) -> None:
    """The lab's own router is the nodes' default gateway in both families; no object contains its address."""
    router = story.lab.router
    story.deploy("web")
    story.lab.apply(story.service("web", ipFamilyPolicy="RequireDualStack"))
    hosts = {ip_network(text) for text in story.wait_addresses("web", 2, TIMEOUT)}
    peers = [
        _peer(
            f"{story.name}-gateway-{family.lower()}",
            myASN=layout.NODE_AS,
            peerASN=layout.ROUTER_AS,
            peerAddressFrom={"defaultGateway": family},
            families=[family],
        )
        for family in ("IPv4", "IPv6")
    ]
    story.lab.apply(peers)
    try:
        everyone = [frozenset(node.addresses[family] for node in story.lab.nodes) for family in (0, 1)]
        wanted = {host: everyone[host.version == 6] for host in hosts}
        story.wait(
            "the gateway has all routes",
            lambda: {prefix: nodes for prefix, nodes in router.prefixes().items() if prefix in hosts} == wanted,
            TIMEOUT,
        )
    finally:
        story.lab.delete(peers)


def test_router_is_reached_by_link_local_address(story: Story) -> None:
    """Router and nodes use the link-local addresses of their kernels; both families are announced."""
    nodes = [story.lab.layout.namespace(node.name).link_local("eth0") for node in story.lab.nodes]
    neighbors = [Neighbor(address, layout.NODE_AS, interface="eth0") for address in nodes]
    story.lab.delete(story.peers())
    story.router.configure(*neighbors)
    story.deploy("web")
    story.lab.apply(story.service("web", ipFamilyPolicy="RequireDualStack"))
    prefixes = map(ip_network, story.wait_addresses("web", 2, TIMEOUT))
    router = str(story.network.link_local("eth0"))
    spec = {"myASN": layout.NODE_AS, "peerASN": story.asn, "peerAddress": router, "sourceInterface": "eth0"}
    peer = _peer(f"{story.name}-link", **spec)
    story.lab.apply(peer)
    try:
        story.wait_routes(dict.fromkeys(prefixes, frozenset(nodes)), TIMEOUT)
    finally:
        story.lab.delete(peer)


def test_router_connects_to_passive_nodes(story: Story) -> None:
    """The port needs no rights, and the chart's engine has none. The password protects incoming connections, too."""
    nodes = [address for node in story.lab.nodes for address in node.addresses]
    calls = [Neighbor(address, layout.NODE_AS, passive=False, port=1790, password="k3y") for address in nodes]
    story.router.configure(*calls)
    story.lab.kubectl(
        *("create", "secret", "generic", story.name, f"--namespace={exalb.NAMESPACE}"),
        *("--type=kubernetes.io/basic-auth", "--from-literal=password=k3y"),
    )
    try:
        story.lab.apply(story.peers(passive=True, localPort=1790, passwordSecretRef={"name": story.name}))
        story.deploy("web")
        story.lab.apply(story.service("web", ipFamilyPolicy="RequireDualStack"))
        prefixes = map(ip_network, story.wait_addresses("web", 2, TIMEOUT))
        everyone = [frozenset(node.addresses[family] for node in story.lab.nodes) for family in (0, 1)]
        story.wait_routes({prefix: everyone[prefix.version == 6] for prefix in prefixes}, TIMEOUT)
    finally:
        story.lab.kubectl("delete", "secret", story.name, f"--namespace={exalb.NAMESPACE}")


def test_settings_in_template_keep_sessions(story: Story) -> None:
    """The template opens no session itself. The peer that names it keeps its sessions, until the template is gone."""
    story.deploy("web")
    story.lab.apply(story.service("web"))
    [prefix] = map(ip_network, story.wait_addresses("web", seconds=TIMEOUT))
    announced = {prefix: frozenset(node.addresses[0] for node in story.lab.nodes)}
    story.wait_routes(announced, TIMEOUT)
    story.wait_sessions(TIMEOUT)
    peer, _ = story.peers()
    name, template = peer["metadata"]["name"], f"{story.name}-base"
    nobody = [{"matchLabels": {"rack": "of-nobody"}}]
    base = _peer(template, **{**peer["spec"], "peerAddress": "203.0.113.254", "nodeSelectors": nobody})
    like = _peer(name, template=template, peerAddress=peer["spec"]["peerAddress"])
    story.wait("the peer is ready", lambda: _conditions(story, name).get("Ready", ("",))[0] == "True", TIMEOUT)
    before = _connections(story)
    try:
        story.lab.apply([base, like])
        story.wait("the controller has judged the changed peer", lambda: _is_judged(story, name), TIMEOUT)
        assert _conditions(story, name)["Ready"][0] == "True"
        assert (_connections(story), story.routes()) == (before, announced)
        story.lab.delete(base)
        story.wait_routes({}, TIMEOUT)
        story.wait("the peer is not accepted", lambda: _conditions(story, name)["Accepted"][0] == "False", TIMEOUT)
        assert template in _conditions(story, name)["Accepted"][1]
    finally:
        story.lab.delete(base)


def _connections(story: Story) -> dict[Address, int]:
    return {address: peering.connections for address, peering in story.router.peerings().items()}


def _is_judged(story: Story, name: str) -> bool:
    found = story.lab.api.get(f"/apis/exalb.io/v1beta1/bgppeers/{name}")
    judged = {condition["type"]: condition.get("observedGeneration") for condition in found["status"]["conditions"]}
    return bool(judged["Ready"] == found["metadata"]["generation"])
