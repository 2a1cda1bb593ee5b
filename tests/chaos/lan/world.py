"""The LAN of a walk: nodes, speakers, a client with a neighbour cache, and a prober; it carries out moves."""

import json
import signal
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_interface
from types import TracebackType
from typing import Self, assert_never

from exalb.announcement.drain import ANNOTATION
from exalb_l2.frames import Address
from tests.chaos.lan.moves import NODES, SERVICES, Move, NodeMove, ObjectMove, Repair, Situation
from tests.lab.daemon import tail
from tests.support import objects
from tests.support.l2.network_lan import NetworkLan
from tests.support.l2.prober import Prober
from tests.support.l2.speakers import Speakers
from tests.support.objects import Object

IPV4, IPV6 = IPv4Address("10.99.0.100"), IPv6Address("fd00:99::100")
ADDRESSES: Mapping[str, tuple[Address, Address]] = {
    service: (IPV4 + number, IPV6 + number) for number, service in enumerate(SERVICES)
}
"""Of each Service."""
ALL = tuple(address for both in ADDRESSES.values() for address in both)
PROBER, HEALTH_PORT = 201, 30100


class LanWorld:
    """The LAN, as long as it is entered; all nodes and speakers run at first."""

    def __init__(self, lab: str) -> None:
        self.lan = NetworkLan(lab, len(NODES))
        self._objects: dict[tuple[str, str], Object] = {}
        self.speakers = Speakers((name, node.settings.directory) for name, node in self.lan.nodes.items())
        host = self.lan.host(lab, "prober", PROBER)
        sources = (IPv4Address(f"10.99.0.{PROBER}"), IPv6Address(f"fd00:99::{PROBER:x}"))
        self.prober = Prober(host, "eth0", sources)

    def __enter__(self) -> Self:
        """Start everything."""
        self.speakers.__enter__()
        for name, node in self.lan.nodes.items():
            node.namespace.ip(*(f"address add {ip_interface(address)} dev lo" for address in ALL))  # as kube-proxy does
            node.start()
            self.speakers.start(name)
        self.take(Situation())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything."""
        self.speakers.__exit__(kind, error, trace)
        self.prober.close()
        self.lan.end()

    def take(self, situation: Situation) -> None:
        """Write the objects that differ."""
        wanted = {(raw["kind"], raw["metadata"]["name"]): raw for raw in objects_of(situation)}
        self.speakers.put(*(raw for key, raw in wanted.items() if self._objects.get(key) != raw))
        for kind, name in self._objects.keys() - wanted.keys():
            self.speakers.remove(kind, name)
        self._objects = wanted

    def play(self, move: Move, situation: Situation) -> None:
        """Carry out a move, which leads to this situation."""
        match move.act:
            case NodeMove.MISS:
                self.speakers.stop(move.where)
                self.take(situation)
                self.speakers.start(move.where)
            case NodeMove.LATE | Repair.ON_TIME:
                self.speakers.delay(situation.late)
            case NodeMove():
                self._disturb(move.act, move.where)
            case ObjectMove.API_AWAY:
                self.speakers.reach(reachable=False)
            case ObjectMove():
                self.take(situation)
            case Repair.ADD | Repair.USE_ALL:
                self.take(situation)
            case Repair():
                self._repair(move.act, move.where)
            case _:
                assert_never(move.act)

    def _disturb(self, act: NodeMove, name: str) -> None:
        node = self.lan.nodes[name]
        match act:
            case NodeMove.KILL:
                node.kill()
            case NodeMove.KILL_BRIEFLY:
                node.kill()
                node.start()
            case NodeMove.RESTART:
                node.stop()
                node.start()
            case NodeMove.HALT:
                self._signal(name, signal.SIGSTOP)
            case NodeMove.PART:
                self.lan.part(name)
            case NodeMove.PULL:
                self.lan.cable(name, plugged=False)
            case NodeMove.LINK_DOWN:
                node.namespace.link("eth0", up=False)
            case NodeMove.RESTART_SPEAKER:
                self.speakers.stop(name)
                self.speakers.start(name)
            case _:
                raise AssertionError(act)

    def _repair(self, act: Repair, name: str) -> None:
        match act:
            case Repair.START:
                self.lan.nodes[name].start()
            case Repair.RESUME:
                self._signal(name, signal.SIGCONT)
            case Repair.JOIN:
                self.lan.join(name)
            case Repair.PLUG:
                self.lan.cable(name, plugged=True)
            case Repair.LINK_UP:
                lost = next(one for one in self.lan.nodes[name].interface.addresses if one.version == 6)
                self.lan.nodes[name].namespace.ip("link set eth0 up", f"address replace {lost} dev eth0 nodad")
            case Repair.API_BACK:
                self.speakers.reach(reachable=True)
            case _:
                raise AssertionError(act)

    def _signal(self, name: str, number: signal.Signals) -> None:
        process = self.lan.nodes[name].process
        assert process
        process.send_signal(number)

    def cached(self) -> dict[Address, str]:
        """Return the MAC addresses in the client's neighbour cache."""
        entries = json.loads(self.lan.client.run(["ip", "-json", "neighbour", "show"]).stdout)
        known = {str(address): address for address in ALL}
        return {known[one["dst"]]: str(one["lladdr"]) for one in entries if one["dst"] in known and "lladdr" in one}

    def forget(self) -> None:
        """Let the client forget all that it found."""
        self.lan.client.ip("neighbour flush all")

    def ping(self, *addresses: Address) -> None:
        """Let the client find addresses, all at once."""
        pings = [f"ping -{address.version} -c1 -W2 {address} >/dev/null &" for address in addresses]
        self.lan.client.run(["sh", "-c", " ".join([*pings, "wait"])])

    def tracebacks(self) -> list[str]:
        """Return the nodes whose L2 process logged one."""
        logs = {name: (node.namespace.state / "l2.log").read_text() for name, node in self.lan.nodes.items()}
        return [name for name, text in logs.items() if "Traceback" in text]

    def logs(self) -> Iterator[str]:
        """Yield the end of the log of each L2 process."""
        for name, node in self.lan.nodes.items():
            yield from (f"== {name}", tail(node.namespace.state / "l2.log", 20))


def objects_of(situation: Situation) -> Iterator[Object]:
    """Yield the objects of a situation, but BGPSpeakers, which speakers write."""
    yield objects.pool("lan", f"{IPV4}-{IPV4 + len(SERVICES)}", f"{IPV6}-{IPV6 + len(SERVICES)}")
    nodes = [{"matchLabels": {"node": name}} for name in situation.selected]
    yield objects.l2_advertisement(nodeSelectors=nodes, interfaces=list(situation.named))
    for number, name in enumerate(NODES, 1):
        drain = {ANNOTATION: situation.drained[name]} if name in situation.drained else None
        yield objects.node(name, f"10.99.0.{number}", annotations=drain, node=name)
    for service, is_local in situation.is_local.items():
        policy = "Local" if is_local else "Cluster"
        held = map(str, ADDRESSES[service])
        yield objects.assigned_service(
            f"default/{service}",
            *held,
            externalTrafficPolicy=policy,
            ipFamilyPolicy="RequireDualStack",
            **({"healthCheckNodePort": HEALTH_PORT} if is_local else {}),
        )
        for family in ("IPv4", "IPv6"):
            found = (_endpoint(name, family, situation.endpoints[service]) for name in NODES)
            yield objects.endpoints(f"default/{service}", *found, family=family)


def _endpoint(node: str, family: str, ready: set[str]) -> Object:
    address = f"10.88.{node[1:]}.2" if family == "IPv4" else f"fd00:88:{node[1:]}::2"
    return objects.endpoint(address, node, ready=node in ready)
