"""The real logind of a node, on a D-Bus of the node's own: by it a kubelet notices that its machine shuts down."""

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.lab import packages, poweroff

KUBELET: dict[str, str] = {"shutdownGracePeriod": "30s", "shutdownGracePeriodCriticalPods": "10s"}
"""Of the kubelet's configuration: both are 0 by default, and then no kubelet notices a shutdown."""
_NAME, _PATH = "org.freedesktop.login1", "/org/freedesktop/login1"
POWER_OFF = ["busctl", "call", _NAME, _PATH, f"{_NAME}.Manager", "PowerOff", "b", "false"]
"""The command for a person in the node; it returns at once, and the kubelet has its time before the node ends."""
_SOCKET = "/run/dbus/system_bus_socket"
_DIRECTORY = "/etc/lab-dbus"
_BUS = f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={_SOCKET}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{_DIRECTORY}</servicedir>
  <policy context="default"><allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
"""
_LOGIND = """[Login]
InhibitDelayMaxSec=60
NAutoVTs=0
ReserveVT=0
HandlePowerKey=ignore
HandleLidSwitch=ignore
"""
"""It waits longer for the kubelet than the kubelet needs, so that the kubelet has no setting to change."""

SERVICES: Mapping[str, list[str]] = {
    "dbus": [
        "sh",
        "-c",
        f"mkdir -p /run/dbus /run/systemd && exec dbus-daemon --config-file={_DIRECTORY}/bus.conf --nofork --nopidfile",
    ]
}
"""The commands for the node's init. D-Bus starts logind when the kubelet first asks for it."""


def write(etc: Path) -> None:
    """Write the configuration below a node's `etc`."""
    directory = etc / _DIRECTORY.removeprefix("/etc/")
    directory.mkdir()
    (directory / "bus.conf").write_text(_BUS)
    programs = {
        _NAME: str(packages.find("systemd-logind@systemd")),
        poweroff.NAME: f"{sys.executable} -I {Path(poweroff.__file__)}",
    }
    for name, command in programs.items():
        (directory / f"{name}.service").write_text(f"[D-BUS Service]\nName={name}\nExec={command}\n")
    (etc / "systemd/logind.conf.d").mkdir(parents=True)
    (etc / "systemd/logind.conf.d/lab.conf").write_text(_LOGIND)
