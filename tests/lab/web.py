"""The web page of `kubectl exalb web` about a lab."""

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from tests.lab import fabric, wait
from tests.lab.cluster import Lab
from tests.lab.relay import Target

_URL = re.compile(r"http://127\.0\.0\.1:(\d+)/\S+")


@contextmanager
def page(lab: Lab, port: int = 7481) -> Iterator[tuple[str, Target]]:
    """Serve the page inside the lab, where its API server can be reached; yield its URL and where it listens."""
    argv: list[str | Path] = [Path(sys.executable).with_name("kubectl-exalb"), "web", f"--port={port}"]
    namespace = lab.layout.namespace(fabric.CONTROL_PLANE)
    with tempfile.TemporaryDirectory() as directory:
        printed = Path(directory) / "printed"
        with printed.open("w") as output:
            process = namespace.popen(argv, env=dict(lab.environment()), stdout=output)
        try:
            found = wait.until("the page has a URL", lambda: list(_URL.finditer(printed.read_text())))[0]
            yield found[0], Target(namespace, IPv4Address("127.0.0.1"), int(found[1]))
        finally:
            process.terminate()
            process.wait()
