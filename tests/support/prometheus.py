"""A real Prometheus on this machine, which scrapes programs and evaluates rules."""

import contextlib
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.lab import fixtures, packages, wait
from tests.support.processes import listening_port


@dataclass(frozen=True, slots=True)
class Target:
    """A program that is scraped, with labels that the scrape adds."""

    job: str
    address: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def api(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of its API; AssertionError for an error."""
        try:
            with urllib.request.urlopen(f"{self.url}/{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as reply:  # noqa: S310
                answer = json.load(reply)
        except OSError as error:
            raise AssertionError(str(error)) from error
        assert answer["status"] == "success", answer
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


@contextlib.contextmanager
def running(directory: Path, targets: Sequence[Target], rules: Sequence[Path]) -> Iterator[Prometheus]:
    """Run Prometheus until the context ends; it has scraped every target at least twice."""
    fixtures.require(packages.MONITORING)
    jobs = {target.job: [t for t in targets if t.job == target.job] for target in targets}
    scrapes = [
        {
            "job_name": job,
            "static_configs": [{"targets": [t.address], "labels": dict(t.labels)} for t in members],
        }
        for job, members in jobs.items()
    ]
    every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    configuration = {"global": every, "rule_files": [str(rule) for rule in rules], "scrape_configs": scrapes}
    (directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    log = (directory / "prometheus.log").open("w")
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yaml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with log, subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process:
        try:
            port = wait.until("Prometheus listens", lambda: listening_port(process.pid), seconds=60)
            prometheus = Prometheus(f"http://127.0.0.1:{port}/api/v1")
            wait.until("Prometheus scrapes every target", lambda: _has_scraped(prometheus, len(targets)), seconds=60)
            yield prometheus
        finally:
            process.terminate()
            process.wait(20)


def _has_scraped(prometheus: Prometheus, targets: int) -> bool:
    return len(prometheus.query("count_over_time(up[10m]) > 1 and up == 1")) == targets
