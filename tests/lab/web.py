"""The web page about a lab: of `kubectl exalb web`, or of the controllers in it."""

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from tests.lab import fabric, wait
from tests.lab.cluster import Lab
from tests.lab.relay import Target

PORT = 7481
_URL = re.compile(r"http://127\.0\.0\.1:(\d+)(/\S+)")
_FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) -> \d+()")


@contextmanager
def page(lab: Lab, port: int = PORT) -> Iterator[tuple[str, Target]]:
    """Serve the page inside the lab, where its API server can be reached; yield its URL and where it listens."""
    with _printing(lab, [Path(sys.executable).with_name("kubectl-exalb"), "web", f"--port={port}"], _URL) as found:
        yield found


@contextmanager
def page_of_controller(lab: Lab, port: int = PORT) -> Iterator[tuple[str, Target]]:
    """Lead to the page that a controller in the lab serves, as the notes of the chart say."""
    argv = ["--namespace=exalb-system", "port-forward", "deployments/exalb-controller", f"{port}:{PORT}"]
    with _printing(lab, [lab.programs / "kubectl", *argv], _FORWARDED) as found:
        yield found


@contextmanager
def _printing(lab: Lab, argv: Sequence[str | Path], url: re.Pattern[str]) -> Iterator[tuple[str, Target]]:
    """Run a program in the lab that prints the port and the path of the page."""
    namespace = lab.layout.namespace(fabric.CONTROL_PLANE)
    with tempfile.TemporaryDirectory() as directory:
        printed = Path(directory) / "printed"
        with printed.open("w") as output:
            process = namespace.popen(argv, env=dict(lab.environment()), stdout=output)
        try:
            [(port, path), *_] = wait.until("the page has a URL", lambda: url.findall(printed.read_text()))
            yield f"http://127.0.0.1:{port}{path or '/'}", Target(namespace, IPv4Address("127.0.0.1"), int(port))
        finally:
            process.terminate()
            process.wait()
