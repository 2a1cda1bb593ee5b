"""Chromium without a screen, driven by its own protocol (Chrome DevTools Protocol)."""

import asyncio
import base64
import contextlib
import itertools
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0"),
)
_ADDRESS = re.compile(r"DevTools listening on ws://([^/]+)/")


class Tab:
    """One tab. Every method waits for the answer of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers, self._loaded = socket, itertools.count(1), 0
        self.problems: list[str] = []
        """Exceptions and errors that the page wrote to its console."""

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=60)
            self._note(message)
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        self._loaded += message.get("method") == "Page.loadEventFired"
        if message.get("method") == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url')}")

    async def run(self, script: str) -> Any:
        """Return the value of an expression in the page; a promise is awaited."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, script: str, seconds: float = 20) -> Any:
        """Return the first true value of an expression, which the page looks at 20 times a second."""
        look = (
            f"const look = () => {{ const value = ({script}); value ? done(value) : setTimeout(look, 50); }}; look();"
        )
        async with asyncio.timeout(seconds):
            return await self.run(f"new Promise((done) => {{ {look} }})")

    async def open(self, url: str, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Open a page in a window of that size, in CSS pixels."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        self._loaded = 0
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        await self.call("Page.navigate", url=url)
        while self._loaded < 1:
            self._note(await self._socket.receive_json(timeout=60))

    async def press(self, key: str) -> None:
        """Press and release a key, such as Tab or Enter."""
        codes = {"Tab": 9, "Enter": 13}
        more = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=codes[key], **more)
            more = {}

    async def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG."""
        path.write_bytes(base64.b64decode((await self.call("Page.captureScreenshot"))["data"]))


@contextlib.asynccontextmanager
async def tab() -> AsyncIterator[Tab]:
    """Start Chromium with a new profile, and yield its tab."""
    program = shutil.which("chromium")
    assert program, "chromium is not installed: apt-get install chromium"
    with tempfile.TemporaryDirectory(prefix="exalb-browser.", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program, *_FLAGS, f"--user-data-dir={profile}", "about:blank", stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr
        try:
            async with asyncio.timeout(30):
                while not (found := _ADDRESS.search((await process.stderr.readline()).decode())):
                    assert not process.stderr.at_eof(), "chromium ended"
            draining = asyncio.create_task(process.stderr.read())
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://{found[1]}/json/list") as answer:
                    target = next(page for page in await answer.json() if page["type"] == "page")
                async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    opened = Tab(socket)
                    for domain in ("Page", "Runtime", "Log"):
                        await opened.call(f"{domain}.enable")
                    yield opened
            draining.cancel()
        finally:
            process.terminate()
            await process.wait()
