"""Configuration of a node's programs, as files below the node's /etc and as commands."""

import json
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import yaml

from tests.lab import layout, logind, packages
from tests.lab.images import PAUSE
from tests.lab.layout import ProxyMode
from tests.lab.pki import Authority

API_PORT = 6443
REGISTRIES = "/etc/containerd/certs.d"
"""The directory in which containerd looks, at each pull, for how to reach a registry (hosts.toml)."""
_KUBELET = "/etc/kubernetes/kubelet.conf"
_PROXY = "/etc/kubernetes/kube-proxy.conf"


def write(
    etc: Path,
    name: str,
    number: int,
    addresses: Sequence[IPv4Address | IPv6Address],
    authority: Authority,
    *,
    shutdown: bool,
) -> None:
    """Write below `etc` what the programs of node `name` read there; with `shutdown`, for logind too."""
    (etc / "kubernetes").mkdir(parents=True)
    (etc / "kubernetes/ca.crt").write_bytes(authority.cert.read_bytes())
    kubelet = authority.issue(name, f"system:node:{name}", ["system:nodes"])
    authority.kubeconfig(etc / _KUBELET.removeprefix("/etc/"), api_url(), kubelet)
    proxy = authority.issue(f"{name}-proxy", "system:kube-proxy")
    authority.kubeconfig(etc / _PROXY.removeprefix("/etc/"), api_url(), proxy)
    kubelet_configuration = _kubelet_configuration() | (logind.KUBELET if shutdown else {})
    (etc / "kubernetes/kubelet.yaml").write_text(yaml.safe_dump(kubelet_configuration))
    if shutdown:
        logind.write(etc)
    (etc / "cni/net.d").mkdir(parents=True)
    (etc / "cni/net.d/10-lab.conflist").write_text(json.dumps(_cni(number)))
    (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n" + "".join(f"{a} {name}\n" for a in addresses))
    (etc / "resolv.conf").write_text(f"nameserver {layout.NAMESERVER}\n")
    (etc / "containerd").mkdir()
    (etc / "containerd/config.toml").write_text(_containerd_configuration())


def services(
    name: str, addresses: Sequence[IPv4Address | IPv6Address], proxy: ProxyMode, *, shutdown: bool
) -> dict[str, list[str]]:
    """Return the commands by name; values that could make kube-proxy write settings of the whole machine are zero."""
    return {
        **(logind.SERVICES if shutdown else {}),
        "containerd": ["containerd"],
        "kubelet": [
            "kubelet",
            "--config=/etc/kubernetes/kubelet.yaml",
            f"--kubeconfig={_KUBELET}",
            f"--hostname-override={name}",
            f"--node-ip={','.join(map(str, addresses))}",
        ],
        **({} if proxy is ProxyMode.NONE else {"kube-proxy": _kube_proxy(name, proxy)}),
    }


def _kube_proxy(name: str, mode: ProxyMode) -> list[str]:
    return [
        "kube-proxy",
        f"--kubeconfig={_PROXY}",
        f"--hostname-override={name}",
        f"--proxy-mode={mode}",
        *(["--ipvs-strict-arp"] if mode is ProxyMode.IPVS else []),
        f"--cluster-cidr={layout.PODS4},{layout.PODS6}",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]


def api_url() -> str:
    """Return where the API server is, for everybody in the lab."""
    return f"https://{layout.on_fabric(layout.CONTROL_PLANE)[0].ip}:{API_PORT}"


def _kubelet_configuration() -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": "/etc/kubernetes/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "failSwapOn": False,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "resolvConf": "/etc/resolv.conf",
    }


def _cni(number: int) -> dict[str, Any]:
    """Connect pods by routed links: without a bridge, a Service's answer cannot bypass kube-proxy's rules."""
    ranges = [[{"subnet": str(network)}] for network in layout.pods(number)]
    everywhere = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    ipam = {"type": "host-local", "ranges": ranges, "routes": everywhere}
    plugins = [
        {"type": "ptp", "ipMasq": False, "ipam": ipam},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return {"cniVersion": "0.4.0", "name": "lab", "plugins": plugins}


def _containerd_configuration() -> str:
    plugin = packages.find("ptp@cni")
    return f"""version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{REGISTRIES}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugin.parent if plugin else "/opt/cni/bin"}"
    conf_dir = "/etc/cni/net.d"
"""
