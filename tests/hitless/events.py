"""The events, each with its undoing, and MetalLB's figure for the same one."""

import json
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.hitless.rig import DEADLINE, Rig
from tests.lab import exalb, logind, wait
from tests.support import objects

DRAIN = "exalb.io/drain"
QUIET = 60.0
"""Seconds of the events that move no route: so long that what is lost without an event shows."""
AWAY = 600.0
"""Seconds without an API server: longer than the lease of a controller, and than a silent Node stays Ready."""
CUT = 8.0
"""Seconds without a link: longer than the hold time."""
FLAPS, FLAP = 4, 1.0
LOSS = 15.0
"""Seconds with loss of packets."""
LOST = "ip saddr 10.77.0.0/24 numgen random mod 100 < 5 counter drop"
HERE = f"--namespace={exalb.NAMESPACE}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to the first node, or to the cluster."""

    text: str
    act: Callable[[Rig], None]
    """Do it and return when it is over; the probes run meanwhile."""
    planned: bool = False
    """Whether somebody does it on purpose, so that nothing is to be lost."""
    restore: Callable[[Rig], None] = lambda _: None
    """Bring back what is missing, once the probes have ended."""
    metallb: str = ""


def nothing(rig: Rig) -> None:
    """Let time pass: what is lost now, no event loses."""
    rig.wait_seconds(QUIET)


def change_rules(rig: Rig) -> None:
    """Create and delete a Service each second, for which every kube-proxy writes its rules, and no route changes."""
    for _ in range(round(QUIET)):
        other = objects.service(f"default/rules-{rig.number()}", type="ClusterIP", ports=[{"port": 80}])
        rig.lab.apply([other])
        rig.wait_seconds(0.5)
        rig.lab.kubectl("delete", "service", other["metadata"]["name"], "--wait=false")
        rig.wait_seconds(0.5)


def delete_speaker(rig: Rig) -> None:
    """Delete the speaker's pod."""
    rig.lab.kubectl("delete", "pod", HERE, f"--selector={exalb.SPEAKER}", f"--field-selector=spec.nodeName={rig.first}")
    rig.lab.kubectl("rollout", "status", "daemonset/exalb-speaker", HERE, "--timeout=120s")


def kill_exabgp(rig: Rig) -> None:
    """Kill ExaBGP on the node."""
    rig.kill("exabgp", rig.first)


def kill_controllers(rig: Rig) -> None:
    """Kill all controllers."""
    for node in rig.lab.nodes:
        rig.kill("controller", node.name)


def upgrade(rig: Rig) -> None:
    """Replace every pod by `helm upgrade`."""
    marks = [f"--set-string={part}.podAnnotations.run={rig.number()}" for part in ("speaker", "controller")]
    rig.lab.helm("upgrade", exalb.RELEASE, str(exalb.CHART), HERE, "--reuse-values", *marks, "--wait", "--timeout=300s")


def rollback(rig: Rig) -> None:
    """Return to the last release by `helm rollback`."""
    rig.lab.helm("rollback", exalb.RELEASE, HERE, "--wait", "--timeout=300s")


def drain_by(*change: str, undo: tuple[str, ...]) -> Callable[[Rig], None]:
    """Return the event of a drain by a command of kubectl, and its end."""

    def drain(rig: Rig) -> None:
        rig.lab.kubectl(*(word.format(node=rig.first) for word in change))
        rig.wait_drain("Withdrawn")
        rig.wait_seconds(2)
        rig.lab.kubectl(*(word.format(node=rig.first) for word in undo))
        rig.wait_drain(None)
        rig.wait_whole()

    return drain


def _shutdown(rig: Rig) -> None:
    """Report a graceful node shutdown as the kubelet does, and wait until the routes are withdrawn."""
    rig.node.signal("kubelet", signal.SIGSTOP)
    _set_ready(rig, "False", "node is shutting down")
    rig.wait_drain("Withdrawn")


def _set_ready(rig: Rig, status: str, message: str) -> None:
    ready = {"type": "Ready", "status": status, "reason": "Probe", "message": message}
    patch = f"--patch={json.dumps({'status': {'conditions': [ready]}})}"
    rig.lab.kubectl("patch", f"node/{rig.first}", "--subresource=status", "--type=strategic", patch)


def cancelled_shutdown(rig: Rig) -> None:
    """Drain the node by its graceful shutdown, which is cancelled then."""
    _shutdown(rig)
    rig.wait_seconds(2)
    rig.node.signal("kubelet", signal.SIGCONT)
    _set_ready(rig, "True", "kubelet is posting ready status")
    rig.wait_drain(None)
    rig.wait_whole()


def reboot(rig: Rig) -> None:
    """Shut the node down as `systemctl poweroff` does, start it again and wait until it announces."""
    rig.node.run(logind.POWER_OFF)
    wait.until("the machine is off", lambda: rig.node.pid is None, seconds=DEADLINE)
    rig.node.restart()
    rig.wait_whole()


def power_off(rig: Rig) -> None:
    """Cut the link, then end every process: no packet says that the node is gone."""
    rig.link(up=False)
    rig.node.kill()
    rig.wait_left()
    rig.wait_seconds(2)


def power_on(rig: Rig) -> None:
    """Give the power back."""
    rig.link(up=True)
    rig.node.start()


def link_down(rig: Rig) -> None:
    """Cut the link, and join it again."""
    rig.link(up=False)
    rig.wait_seconds(CUT)
    rig.link(up=True)
    rig.wait_whole()


def flap(rig: Rig) -> None:
    """Cut and join the link several times."""
    for _ in range(FLAPS):
        rig.link(up=False)
        rig.wait_seconds(FLAP)
        rig.link(up=True)
        rig.wait_seconds(FLAP)
    rig.wait_whole()


def lose_packets(rig: Rig) -> None:
    """Lose one packet of twenty that the node receives."""
    hook = "{ type filter hook prerouting priority -350; }"
    rig.node.run(["nft", f"add table ip loss; add chain ip loss received {hook}; add rule ip loss received {LOST}"])
    rig.wait_seconds(LOSS)
    rig.node.run(["nft", "delete table ip loss"])


def api_away(rig: Rig) -> None:
    """Stop the API server for a while."""
    rig.lab.control_plane.stop("kube-apiserver")
    rig.wait_seconds(AWAY)
    rig.lab.control_plane.start("kube-apiserver")
    rig.lab.control_plane.wait_ready()
    rig.lab.close()


def restart_routers(rig: Rig) -> None:
    """Start every router again, with empty tables."""
    for site in rig.sites:
        site.start()
    rig.wait_whole()


def service(name: str) -> Callable[[Rig], None]:
    """Return the event of a killed program of the node, which init starts again."""

    def kill(rig: Rig) -> None:
        rig.node.signal(name, signal.SIGKILL)
        rig.wait_seconds(10)

    return kill


_TAINT = "maintenance=true:NoSchedule"
EVENTS: Mapping[str, Event] = {
    "nothing": Event(f"nothing for {QUIET:.0f} s", nothing),
    "rules": Event("nothing but kube-proxy's rules, each second", change_rules),
    "speaker-pod": Event(
        "speaker pod deleted", delete_speaker, planned=True,
        metallb="native, roll-out: 0 of 11,942 lost, next hop away 720 ms; default mode with GR: 0 of 9,725 lost",
    ),
    "exabgp": Event("ExaBGP killed", kill_exabgp),
    "upgrade": Event(
        "helm upgrade", upgrade, planned=True,
        metallb="native, 1,000 Services: 81 of 10,116 lost; default mode without GR: 165 of 9,781 lost",
    ),
    "rollback": Event("helm rollback", rollback, planned=True),
    "drain-annotation": Event(
        "drain by annotation, and back",
        drain_by("annotate", "node", "{node}", f"{DRAIN}=true", undo=("annotate", "node", "{node}", f"{DRAIN}-")),
        planned=True,
        metallb="`kubectl drain`, Cluster: 0 of 8,960 lost, the route stays; Local: 28 of 8,878 lost, default mode"
        " 1,269 of 4,955",
    ),
    "drain-cordon": Event(
        "drain by cordon, and back", drain_by("cordon", "{node}", undo=("uncordon", "{node}")), planned=True
    ),
    "drain-taint": Event(
        "drain by taint, and back",
        drain_by("taint", "node", "{node}", _TAINT, undo=("taint", "node", "{node}", f"{_TAINT}-")),
        planned=True,
    ),
    "drain-shutdown": Event("drain by node shutdown, cancelled", cancelled_shutdown, planned=True),
    "reboot": Event("node reboot, graceful", reboot, planned=True),
    "power-off": Event(
        "node power-off", power_off, restore=power_on,
        metallb="native, hold time 90 s: 6,518 of 21,930 lost in 46 s, route left after 85,600 ms",
    ),
    "kube-proxy": Event("kube-proxy killed", service("kube-proxy")),
    "kubelet": Event("kubelet killed", service("kubelet")),
    "controllers": Event("controllers killed", kill_controllers),
    "api": Event(f"API server away for {AWAY / 60:.0f} min", api_away),
    "link-down": Event(f"link down for {CUT:.0f} s", link_down),
    "link-flaps": Event(f"link down {FLAPS} times for {FLAP:.0f} s", flap),
    "loss": Event(f"5 % of packets lost for {LOSS:.0f} s", lose_packets),
    "router": Event("router restarted", restart_routers),
}  # fmt: skip
"""In the order of a run."""
