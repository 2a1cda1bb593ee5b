"""MetalLB's stand-in in a story's lab: a Helm release whose speakers hold BGP sessions, and the objects of its users.

Its speakers announce the addresses of the Services from every node, as MetalLB's do: pods of a DaemonSet on the network
of their nodes, each with a BGP session, which ends with the pod and takes the routes along.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.lab import layout
from tests.lab.images import ECHO_HNAME, PAUSE
from tests.stories.story import Story
from tests.support.kubernetes.metallb import definitions, workload
from tests.support.metallb import HOME, metallb_advertisement, metallb_peer, metallb_pool

RELEASE = "metallb"
SHARED = {"metallb.io/allow-shared-ip": "key"}
_SESSION = """
neighbor {router} {{
  router-id $(NODE);
  local-address $(NODE);
  local-as {own};
  peer-as {theirs};
  family {{ ipv4 unicast; }}
  static {{ {routes} }}
}}
"""
_RUN = 'printf %s "$SESSION" > /tmp/session && exec /opt/exalb/bin/exabgp server /tmp/session'


def install(story: Story, addresses: Mapping[str, str], folder: Path) -> None:
    """Install the release and its users' objects, and give each Service its address, as MetalLB's controller does."""
    templates = folder / "chart" / "templates"
    templates.mkdir(parents=True)
    chart = {"apiVersion": "v2", "name": RELEASE, "version": "1.0.0"}
    (templates.parent / "Chart.yaml").write_text(yaml.safe_dump(chart))
    speaker = workload("DaemonSet", "speaker", HOME, _speaker(story, addresses))
    controller = workload("Deployment", "controller", HOME, {"image": PAUSE})
    (templates / "all.yaml").write_text(yaml.safe_dump_all([*definitions(), speaker, controller]))
    where = ("--namespace", HOME, "--create-namespace", "--wait")
    story.lab.helm("install", RELEASE, str(templates.parent), *where)
    peer = metallb_peer(
        story.name, myASN=layout.NODE_AS, peerASN=story.asn, peerAddress=str(story.gateway), holdTime="90s"
    )
    pool, advertisement = metallb_pool(story.name, f"{story.pool4}"), metallb_advertisement(story.name)
    story.lab.apply([pool, peer, advertisement])
    for number, (name, address) in enumerate(addresses.items()):
        ports = [{"port": 80 + number, "targetPort": 80}]
        story.lab.apply(story.service(name, annotations=SHARED, ports=ports, selector={"app": "web"}))
        given = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}})
        story.kubectl("patch", "service", name, "--subresource=status", "--type=merge", f"--patch={given}")


def uninstall(story: Story) -> None:
    """Remove the release and its namespace; nothing happens where they are gone."""
    story.lab.helm("uninstall", RELEASE, "--namespace", HOME, "--ignore-not-found", "--wait")
    story.lab.kubectl("delete", "namespace", HOME, "--ignore-not-found")


def _speaker(story: Story, addresses: Mapping[str, str]) -> dict[str, Any]:
    """Return the container: ExaBGP with one session, and a static route for each address."""
    routes = " ".join(f"route {address}/32 next-hop self;" for address in sorted({*addresses.values()}))
    session = _SESSION.format(router=story.gateway, own=layout.NODE_AS, theirs=story.asn, routes=routes)
    node = {"fieldRef": {"fieldPath": "status.hostIP"}}
    variables = {"SESSION": session, "exabgp_api_cli": "false", "exabgp_daemon_drop": "false"}
    env = [{"name": "NODE", "valueFrom": node}, *({"name": key, "value": value} for key, value in variables.items())]
    return {"image": ECHO_HNAME, "command": ["sh", "-c", _RUN], "env": env}
