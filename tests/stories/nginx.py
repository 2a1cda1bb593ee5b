"""An ingress: a proxy that sends requests to Services by host and path, and takes TCP and UDP on a port of its own.

It is nginx of Debian, which several ingress controllers configure from Ingress objects; Debian has none of these
controllers, so the story writes the configuration. The pods run the nodes' own nginx: they mount `/usr` of the node.
"""

from tests.lab.api import Json
from tests.stories.story import Story
from tests.stories.traffic import deployment, rolled_out

NAME = "ingress"
HTTP, STREAM = 80, 5353
_CONFIGURATION = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
user root;
daemon off;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server { listen 80 default_server; location / { return 404; } location = /ready { return 200; } }
  server {
    listen 80;
    server_name shop.example;
    add_header Client $remote_addr;
    location / { proxy_pass http://%(shop)s; }
    location /api/ { proxy_pass http://%(api)s; }
  }
  server { listen 80; server_name blog.example; location / { proxy_pass http://%(api)s; } }
}
stream {
  server { listen 5353; return $remote_addr; }
  server { listen 5353 udp; return $remote_addr; }
}
"""


def install(story: Story) -> None:
    """Run the proxy on each node, in front of the deployments `shop` and `api`, which have a Service each."""
    backends = {}
    for name in ("shop", "api"):
        story.deploy(name)
        story.kubectl("expose", "deployment", name, "--port=80")
        backends[name] = story.kubectl("get", "service", name, "--output=jsonpath={.spec.clusterIP}")
    story.lab.apply(_configuration(story, backends))
    for node in story.lab.nodes:
        story.lab.apply(_proxy(story, node.name))
    for node in story.lab.nodes:
        rolled_out(story, f"{NAME}-{node.name}")


def _configuration(story: Story, backends: dict[str, str]) -> Json:
    metadata = {"name": NAME, "namespace": story.name}
    data = {"nginx.conf": _CONFIGURATION % backends}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _proxy(story: Story, node: str) -> Json:
    container = {
        "command": ["/usr/sbin/nginx", "-c", "/conf/nginx.conf"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": HTTP}, "periodSeconds": 1, "timeoutSeconds": 20},
        "volumeMounts": [
            {"name": "conf", "mountPath": "/conf"},
            {"name": "usr", "mountPath": "/usr", "readOnly": True},
            {"name": "log", "mountPath": "/var/log/nginx"},
        ],
    }
    volumes = [
        {"name": "conf", "configMap": {"name": NAME}},
        {"name": "usr", "hostPath": {"path": "/usr"}},
        {"name": "log", "emptyDir": {}},
    ]
    return deployment(story, f"{NAME}-{node}", 1, NAME, nodeName=node, container=container, volumes=volumes)
