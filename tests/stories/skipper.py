"""Skipper, an ingress controller: it reads Ingress objects, and sends requests to their Services by host and path.

It has no TCP and UDP of its own, so a second container of its pods answers both, as with other proxies there.
"""

from tests.lab import ingress_controller
from tests.lab.api import Json
from tests.lab.images import ECHO_HNAME
from tests.stories.nginx import HTTP, STREAM
from tests.stories.story import Story
from tests.stories.traffic import deployment, rolled_out

NAME = "skipper"
_ARGUMENTS = (
    f"-address=:{HTTP}",
    "-kubernetes",
    "-kubernetes-in-cluster",
    f"-kubernetes-ingress-class={NAME}",
    "-kubernetes-path-mode=path-prefix",
    "-kubernetes-https-redirect=false",
    "-enable-kubernetes-endpointslices",
    "-wait-first-route-load",
    "-wait-for-healthcheck-interval=0s",
)
_FILTER = 'setResponseHeader("Client", "${request.clientIP}")'
"""The answer says which address the controller saw."""
_STREAM = f"""
import socketserver, threading
class Tcp(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(64)
        self.request.sendall(self.client_address[0].encode())
class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(self.client_address[0].encode(), self.client_address)
udp = socketserver.ThreadingUDPServer(("", {STREAM}), Udp)
threading.Thread(target=udp.serve_forever, daemon=True).start()
socketserver.ThreadingTCPServer(("", {STREAM}), Tcp).serve_forever()
"""


def install(story: Story) -> None:
    """Run the controller on each node, and give it rules for the deployments `shop` and `api`."""
    program = str(ingress_controller.skipper(print))
    for name in ("shop", "api"):
        story.deploy(name)
        story.kubectl("expose", "deployment", name, "--port=80")
    story.lab.apply([*_rights(story), *_rules(story)])
    for node in story.lab.nodes:
        story.lab.apply(_pods(story, node.name, program))
    for node in story.lab.nodes:
        rolled_out(story, f"{NAME}-{node.name}")


def _rights(story: Story) -> list[Json]:
    """Return an account that may read what the rules need, in the story's namespace alone."""
    metadata = {"name": NAME, "namespace": story.name}
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": ["get", "list"]}
        for group, resources in (
            ("", ["services"]),
            ("discovery.k8s.io", ["endpointslices"]),
            ("networking.k8s.io", ["ingresses"]),
        )
    ]
    api = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        },
    ]


def _rules(story: Story) -> list[Json]:
    """Return an Ingress for each host."""
    hosts = {"shop": {"/": "shop", "/api": "api"}, "blog": {"/": "api"}}
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {
                "name": host,
                "namespace": story.name,
                "annotations": {"zalando.org/skipper-filter": _FILTER},
            },
            "spec": {
                "ingressClassName": NAME,
                "rules": [{"host": f"{host}.example", "http": {"paths": [_path(*one) for one in paths.items()]}}],
            },
        }
        for host, paths in hosts.items()
    ]


def _path(path: str, service: str) -> Json:
    backend = {"service": {"name": service, "port": {"number": 80}}}
    return {"path": path, "pathType": "Prefix", "backend": backend}


def _pods(story: Story, node: str, program: str) -> Json:
    image = {"image": ECHO_HNAME, "imagePullPolicy": "IfNotPresent", "resources": {"requests": {"cpu": "200m"}}}
    probe = {"httpGet": {"path": "/kube-system/healthz", "port": HTTP}, "periodSeconds": 1, "timeoutSeconds": 20}
    controller = {
        "name": NAME,
        **image,
        "command": ["/skipper", *_ARGUMENTS, f"-kubernetes-namespace={story.name}"],
        "readinessProbe": probe,
        "volumeMounts": [{"name": "program", "mountPath": "/skipper", "readOnly": True}],
    }
    stream = {"name": "stream", **image, "command": ["/usr/bin/python3", "-I", "-u", "-c", _STREAM]}
    volumes = [{"name": "program", "hostPath": {"path": program, "type": "File"}}]
    spec = {"nodeName": node, "serviceAccountName": NAME, "containers": [controller, stream], "volumes": volumes}
    return deployment(story, f"{NAME}-{node}", 1, NAME, **spec)
