"""A second API server on the data of the lab's own, without the history from before its start.

The lab's own server continues, for the tests that run at the same time.
"""

import contextlib
import http.client
import json
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.lab import api, layout, wait
from tests.lab.api import Json
from tests.lab.cluster import Lab

SHARED = ("--secure-port=", "--audit-")
"""Options that two API servers cannot have in common."""


@contextlib.contextmanager
def forgetful_server(cluster: Lab) -> Iterator[int]:
    """Let etcd drop its history up to now, and run an API server that starts after it; yield the server's port."""
    revision = _etcd(cluster, "/v3/kv/range", {"key": "AA=="})["header"]["revision"]
    _etcd(cluster, "/v3/kv/compaction", {"revision": revision, "physical": True})
    plane, port = cluster.control_plane, _free_port(cluster)
    options = [option for option in plane._arguments("kube-apiserver") if not option.startswith(SHARED)]
    options += [f"--secure-port={port}", "--endpoint-reconciler-type=none"]
    with tempfile.TemporaryFile() as log:
        server = plane.namespace.popen([plane.programs / "kube-apiserver", *options], stdout=log, stderr=log)
        try:
            _wait_ready(cluster, port, server)
            yield port
        finally:
            server.kill()
            server.wait()


def _wait_ready(cluster: Lab, port: int, server: subprocess.Popen[bytes]) -> None:
    data = yaml.safe_load(cluster.layout.kubeconfig.read_text())
    data["clusters"][0]["cluster"]["server"] = f"https://{layout.on_fabric(layout.CONTROL_PLANE)[0].ip}:{port}"
    with tempfile.TemporaryDirectory() as directory:
        kubeconfig = Path(directory) / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(data))
        client = api.Client(cluster.control_plane.namespace, kubeconfig)

        def ready() -> bool:
            assert server.poll() is None, "the second API server ended"
            return client.is_ready()

        with contextlib.closing(client):
            wait.until("the second API server is ready", ready, seconds=60)


def _free_port(cluster: Lab) -> int:
    with cluster.control_plane.namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def _etcd(cluster: Lab, path: str, body: Json) -> Json:
    with cluster.control_plane.namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM) as connected:
        connected.connect(("127.0.0.1", 2379))
        connection = http.client.HTTPConnection("127.0.0.1")
        connection.sock = connected
        connection.request("POST", path, json.dumps(body))
        answer: Json = json.loads(connection.getresponse().read())
        return answer
