"""An API server that answers from memory, and `exalb` as a process that asks it."""

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from aiohttp import web

from tests.support.objects import Object

PLAIN = {"NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "PYTHONUNBUFFERED"}
"""Variables that choose the form of the output, and when it is written."""


@dataclass
class MemoryServer:
    """Answers lists and logs; a test may change `objects` while a program asks."""

    objects: list[Object]
    pods: list[Object] = field(default_factory=list)
    logs: Mapping[str, list[Object]] = field(default_factory=dict)
    hangs: bool = False
    """Whether it takes requests and never answers."""
    refusal: int | None = None
    """The status of every answer about ExaLB's own kinds, if it is not 200."""
    requests: Counter[str] = field(default_factory=Counter)
    """How often each resource was asked for, by the last word of the path."""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a list, or a log; whoever asks for Secrets gets them."""
        *_, before, last = request.path.split("/")
        self.requests[last] += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.refusal and "/exalb.io/" in request.path:
            return web.json_response({"kind": "Status", "message": "refused"}, status=self.refusal)
        if last == "log":
            return web.Response(text="\n".join(json.dumps(line) for line in self.logs[before]))
        if last == "exalb-controller":
            return web.json_response({}, status=404)
        found = self.pods if last == "pods" else [raw for raw in self.objects if raw["kind"].lower() + "s" == last]
        items = [
            {**raw, "metadata": {**raw["metadata"], "uid": str(number), "resourceVersion": str(number + 1)}}
            for number, raw in enumerate(found)
        ]
        return web.json_response({"metadata": {"resourceVersion": "99"}, "items": items})


@contextlib.asynccontextmanager
async def serving(server: MemoryServer, directory: Path, token: str) -> AsyncIterator[Path]:
    """Serve on a port of this machine; yield the kubeconfig of a person whose namespace is `shop`."""
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    content = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://{host}:{port}"}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "current-context": "x",
    }
    path = directory / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    try:
        yield path
    finally:
        await runner.cleanup()


async def start(
    kubeconfig: Path,
    *arguments: str,
    stdout: int = asyncio.subprocess.PIPE,
    variables: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """Start `exalb`; its stderr is its stdout. It takes Ctrl-C even where tests run in the background, ignoring it."""
    environment = {name: value for name, value in os.environ.items() if name not in PLAIN} | dict(variables or {})
    return await asyncio.create_subprocess_exec(
        *("env", "--default-signal=INT", sys.executable, "-m", "exalb", *arguments, f"--kubeconfig={kubeconfig}"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )


async def exalb(kubeconfig: Path, *arguments: str, **variables: str) -> tuple[int | None, str]:
    """Run `exalb`; return its exit code and what it printed."""
    process = await start(kubeconfig, *arguments, variables=variables)
    output, _ = await process.communicate()
    return process.returncode, output.decode()
