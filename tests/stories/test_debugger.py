"""A debugger stops a program of the lab at a line, and `make lab-reload` ends debugging."""

import json
import re
import socket
from dataclasses import dataclass, field
from io import BufferedRWPair
from typing import Any

import pytest

from tests.lab import exalb
from tests.lab.cluster import Lab
from tests.stories.made import going_on, make
from tests.support.documented import commands
from tests.support.tree import ROOT

CODE = ROOT / "operator/exalb/kube/leader_election.py"
RELOAD, DEBUG = commands("tests/lab/README.md", "make lab-(reload|debug)")
SITE = "/opt/exalb/lib/python3.11/site-packages"


@dataclass
class Debugger:
    """A client of the Debug Adapter Protocol: messages of JSON, each after its length."""

    stream: BufferedRWPair
    number: int = 0
    events: list[str] = field(default_factory=list)

    def send(self, command: str, **arguments: object) -> None:
        """Send a request."""
        self.number += 1
        body = json.dumps({"seq": self.number, "type": "request", "command": command, "arguments": arguments}).encode()
        self.stream.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.stream.flush()

    def until(self, kind: str, name: str) -> dict[str, Any]:
        """Return the body of the next event or response of that name."""
        while True:
            length = 0
            while line := self.stream.readline().strip():
                length = int(line.partition(b":")[2]) if line.lower().startswith(b"content-length") else length
            message = json.loads(self.stream.read(length))
            assert message.get("success", True), message
            if (message["type"], message.get("event") or message.get("command")) == (kind, name):
                return dict(message.get("body") or {})


@pytest.mark.release
def test_debugger_stops_the_controller_at_a_line(lab: Lab) -> None:
    """The line is where the controller renews its lease, which it does every few seconds."""
    try:
        with (
            going_on(lab, DEBUG, r"controller runs under debugpy: .+ (127\.0\.0\.1):(\d+)\n") as (desk, found),
            desk.open_socket(socket.AF_INET, socket.SOCK_STREAM) as connection,
        ):
            connection.settimeout(60)
            connection.connect((found[0], int(found[1])))
            debugger = Debugger(connection.makefile("rwb"))
            debugger.send("initialize", adapterID="python", pathFormat="path")
            debugger.until("response", "initialize")
            debugger.send("attach", justMyCode=False)
            debugger.until("event", "initialized")
            path, line = SITE + "/exalb/kube/leader_election.py", _line_of("def _record_renewal") + 1
            debugger.send("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}])
            assert debugger.until("response", "setBreakpoints")["breakpoints"][0]["verified"]
            debugger.send("configurationDone")
            stopped = debugger.until("event", "stopped")
            debugger.send("stackTrace", threadId=stopped["threadId"], levels=1)
            frame = debugger.until("response", "stackTrace")["stackFrames"][0]
            assert (frame["source"]["path"], frame["line"]) == (path, line)
            debugger.send("disconnect")
            debugger.until("response", "disconnect")
    finally:
        [image] = re.findall(r"(\S+) runs on every node", make(lab, RELOAD))
    pods = lab.api.items(f"/api/v1/namespaces/{exalb.NAMESPACE}/pods")
    left = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    assert {container["image"] for pod in left for container in pod["spec"]["containers"]} == {image}


def _line_of(text: str) -> int:
    return next(number for number, line in enumerate(CODE.read_text().splitlines(), 1) if text in line)
