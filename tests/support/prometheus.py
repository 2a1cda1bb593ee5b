"""A real Prometheus, which scrapes programs and evaluates rules: on this machine, or in the network of a lab."""

import contextlib
import http.client
import json
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.lab import fixtures, packages, wait
from tests.lab.api import Json
from tests.lab.network import Namespace
from tests.support.processes import listening_port

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Target:
    """A program that is scraped, with labels that the scrape adds."""

    job: str
    address: str
    labels: Mapping[str, str]


class _Connection(http.client.HTTPConnection):
    """A connection to a port of the loopback, of a namespace if there is one."""

    def __init__(self, port: int, namespace: Namespace | None) -> None:
        super().__init__(LOOPBACK, port, timeout=10)
        self._namespace = namespace

    def connect(self) -> None:
        """Open the connection."""
        if self._namespace is None:
            super().connect()
            return
        self.sock = self._namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(10)
        self.sock.connect((self.host, self.port))


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    port: int
    namespace: Namespace | None = None

    def api(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of its API; AssertionError for an error."""
        with contextlib.closing(_Connection(self.port, self.namespace)) as connection:
            try:
                connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
                answer = json.load(connection.getresponse())
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise AssertionError(f"{path} {parameters}: {error}") from error
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    def query(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """Return the samples of an expression now: labels and value."""
        result = self.api("query", query=expression)["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in result]

    def value(self, expression: str) -> float:
        """Return the value of an expression with one sample."""
        [(_, value)] = self.query(expression)
        return value

    def types(self, job: str) -> dict[str, str]:
        """Return the metrics of a job, each with its type, whether or not they have samples."""
        rows = self.api("targets/metadata", match_target=f'{{job="{job}"}}')
        return {row["metric"]: row["type"] for row in rows}


def static(targets: Sequence[Target]) -> list[Json]:
    """Return the scrape configurations of targets that are known."""
    jobs = {target.job: [t for t in targets if t.job == target.job] for target in targets}
    return [
        {"job_name": job, "static_configs": [{"targets": [t.address], "labels": dict(t.labels)} for t in members]}
        for job, members in jobs.items()
    ]


@contextlib.contextmanager
def running(
    directory: Path, scrapes: Sequence[Json], rules: Sequence[Path], *, count: int, namespace: Namespace | None = None
) -> Iterator[Prometheus]:
    """Run Prometheus until the context ends; it has scraped `count` targets at least twice, and no other."""
    fixtures.require(packages.MONITORING)
    every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    configuration = {"global": every, "rule_files": [str(rule) for rule in rules], "scrape_configs": list(scrapes)}
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    log = (directory / "prometheus.log").open("w")
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yaml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={LOOPBACK}:0",
    ]
    argv = namespace.argv(command) if namespace else command
    with log, subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT) as process:
        try:
            port = wait.until("Prometheus listens", lambda: listening_port(process.pid), seconds=60)
            prometheus = Prometheus(port or 0, namespace)
            wait.until("Prometheus scrapes every target", lambda: _has_scraped(prometheus, count), seconds=60)
            yield prometheus
        finally:
            process.terminate()
            process.wait(20)


def _has_scraped(prometheus: Prometheus, count: int) -> bool:
    found = prometheus.query("count_over_time(up[10m]) > 1 and up == 1")
    assert len(found) == count, found
    return True


def evaluated(prometheus: Prometheus) -> list[Json]:
    """Return the rules that it has loaded; AssertionError if the evaluation of one was no success, or is to come."""
    rules: list[Json] = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
    wrong = [(rule["name"], rule["health"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]
    assert not wrong, wrong
    return rules
