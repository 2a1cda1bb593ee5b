"""A registry of images and charts (OCI distribution specification) that is a directory, served by Debian's program."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from tests.lab import wait
from tests.lab.network import Namespace

PORT = 5000
_CONFIGURATION = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "{address}:{port}"}}
"""


@contextmanager
def serving(root: Path, namespace: Namespace, address: IPv4Address, scratch: Path) -> Iterator[str]:
    """Serve the directory at an address of a namespace, by HTTP without TLS; return the registry's name."""
    configuration = scratch / "registry.yml"
    configuration.write_text(_CONFIGURATION.format(root=root, address=address, port=PORT))
    process = namespace.popen(["docker-registry", "serve", configuration])
    try:
        wait.until(f"the registry answers at {address}", lambda: _answers(process, namespace, address))
        yield f"{address}:{PORT}"
    finally:
        process.terminate()
        process.wait()


def _answers(process: subprocess.Popen[str], namespace: Namespace, address: IPv4Address) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"docker-registry ended with {process.returncode}")
    return namespace.run(["curl", "--silent", "--fail", f"http://{address}:{PORT}/v2/"], check=False).returncode == 0
