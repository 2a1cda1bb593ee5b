"""The demo without a router: a client on the LAN of the nodes finds each address by ARP, also after its node is gone.

The deployments and the Services are those of the other demo. Each step is checked.
"""

import json
from functools import partial
from ipaddress import IPv4Address
from typing import Any

from tests.lab import exalb, layout, wait
from tests.lab.cluster import Lab
from tests.lab.demo import POOL_NAME, Demo

VALUES: dict[str, Any] = {"speaker": {"l2": {"enabled": True}}}
"""Values of the chart that install L2."""
POOL: dict[str, Any] = {
    "apiVersion": "exalb.io/v1beta1",
    "kind": "IPAddressPool",
    "metadata": {"name": POOL_NAME},
    "spec": {"addresses": [f"{layout.FIRST_ON_LAN}-10.77.0.79"]},
}
ADVERTISEMENT: dict[str, Any] = {
    "apiVersion": "exalb.io/v1beta1",
    "kind": "L2Advertisement",
    "metadata": {"name": POOL_NAME},
    "spec": {"ipAddressPools": [POOL_NAME]},
}
ANNOUNCED = '{.status.conditions[?(@.type=="exalb.io/Announced")].message}'


def run(lab: Lab) -> None:
    """Run the whole demo; TooLateError names the step that failed."""
    demo = LanDemo(lab)
    demo.tidy()
    demo.prepare()
    demo.deploy()
    addresses = demo.expose()
    demo.ask(addresses)
    address = demo.show_neighbors(addresses)
    demo.end_pod(address)
    demo.power_off(address)
    demo.delete()


class LanDemo(Demo):
    """The steps with a client on the LAN."""

    client = "A host on the LAN of the nodes"
    pool = layout.FABRIC4

    def prepare(self) -> None:
        """Apply a pool and an L2Advertisement, and wait until L2 runs on every node."""
        self._title("A pool of free addresses of the nodes' own subnet, announced there by ARP")
        self._apply([POOL, ADVERTISEMENT])
        with self._say.step("L2: runs on every node"):
            for node in self._lab.nodes:
                wait.until(f"L2 runs on {node.name}", partial(self._reports, node.name, ""), seconds=60)

    def show_neighbors(self, addresses: dict[str, IPv4Address]) -> IPv4Address:
        """Show the node that the client found for each address; return the first of them."""
        self._title("The client has asked by ARP: for each address one node has answered with its own MAC address")
        for address in addresses.values():
            self._show_holder(address)
        name, address = next(iter(addresses.items()))
        self._kubectl(f"get service {name} --output=jsonpath='{ANNOUNCED}'")
        return address

    def end_pod(self, address: IPv4Address) -> None:
        """Delete the speaker's pod on the node that announces, as an upgrade does."""
        holder = self._holder(address)
        self._title(f"The speaker's pod on node {holder} ends: the other node announces {address}")
        which = f"--selector={exalb.SPEAKER} --field-selector=spec.nodeName={holder}"
        before = self._heartbeat(holder)
        self._kubectl(f"delete pod --namespace={exalb.NAMESPACE} {which}")
        self._moved(address, holder)
        with self._say.step(f"L2: runs on {holder} again"):
            wait.until(f"L2 runs on {holder}", partial(self._reports, holder, before), seconds=60)

    def power_off(self, address: IPv4Address) -> None:
        """Take the power of the node that announces, and give it back."""
        holder = self._holder(address)
        self._title(f"Node {holder} loses its power: the other node announces {address}, and keeps it")
        before = self._heartbeat(holder)
        self._lab.node(holder).kill()
        kept = self._moved(address, holder)
        self._lab.node(holder).start()
        with self._say.step(f"node {holder}: power is back, L2 runs again"):
            wait.until(f"L2 runs on {holder}", partial(self._reports, holder, before), seconds=120)
        assert self._holder(address) == kept, f"{address} moved back to {self._holder(address)}"

    def delete(self) -> None:
        """Delete everything that was created."""
        self._title("The Services are deleted: their addresses are released")
        self.delete_services()
        self.show_released()

    def _moved(self, address: IPv4Address, holder: str) -> str:
        """Wait until the client sends to another node than `holder`, and is answered; return that node."""
        with self._say.step("client: sends to the other node"):
            wait.until(f"{holder} no longer has {address}", lambda: self._holder(address) not in ("", holder))
        self._say.answered(self._shown_curl(address))
        return self._show_holder(address)

    def _show_holder(self, address: IPv4Address) -> str:
        command = f"ip neighbour show {address}"
        self._say.typed(command)
        self._say.answered(self._lab.client.run(command.split()).stdout)
        holder = self._holder(address)
        assert holder, f"the client's entry for {address} is no node's"
        self._say.say(f"that is node {holder}")
        return holder

    def _holder(self, address: IPv4Address) -> str:
        """Return the node that the client has in its neighbor cache for an address; empty for none."""
        entries = json.loads(self._lab.client.run(["ip", "-json", "neighbour", "show", str(address)]).stdout)
        found = entries[0].get("lladdr") if entries else None
        return next((node.name for node in self._lab.nodes if self._mac(node.name) == found), "")

    def _mac(self, node: str) -> str:
        show = ["ip", "-json", "link", "show", "eth0"]
        (link,) = json.loads(self._lab.layout.namespace(node).run(show).stdout)
        return str(link["address"])

    def _reports(self, node: str, before: str) -> bool:
        """Return whether the node reports, after its heartbeat `before`, that L2 runs on it."""
        connected = self._lab.kubectl("get", f"bgpspeakers.exalb.io/{node}", "--output=jsonpath={.status.l2.connected}")
        return connected == "true" and self._heartbeat(node) != before

    def _heartbeat(self, node: str) -> str:
        return self._lab.kubectl("get", f"bgpspeakers.exalb.io/{node}", "--output=jsonpath={.status.heartbeat}")
