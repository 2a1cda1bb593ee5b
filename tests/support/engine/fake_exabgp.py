"""An ExaBGP without peers at the far end of a real relay; it loses as many reloads as a test requests."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator

from exalb_bgp.exabgp import relay
from exalb_bgp.exabgp.driver import api_lines
from exalb_bgp.exabgp.interface import COUNTERS, NEIGHBOR
from exalb_bgp.exabgp.settings import EngineSettings
from tests.support.bgp.api_lines import neighbors


class FakeExaBGP:
    """Answers what a driver asks; `lose` reloads have no effect, as when ExaBGP cannot read its configuration."""

    def __init__(self, settings: EngineSettings, lose: int = 0) -> None:
        self.settings = settings
        self.lose = lose
        self.run = "0f7c"
        """The run of ExaBGP; each start has another one."""
        self.events = 0
        """The number of events so far."""
        self.has_session = False
        """Whether there is a session with `10.77.0.100`."""
        self.established = True
        """Whether that session is Established."""
        self.read = 0
        """The number of commands about neighbors so far."""
        self.mute = False
        """Whether such commands get no answer."""
        self.commands: list[str] = []
        self.configuration = ""
        self._helper: asyncio.subprocess.Process | None = None
        self._asked = asyncio.Condition()

    @property
    def drivers(self) -> int:
        """Count how often a driver introduced itself."""
        return self.commands.count("reset")

    def say(self, line: str) -> None:
        """Send one line, as an answer or as an event."""
        assert self._helper
        assert self._helper.stdin
        self.events += line.startswith(api_lines.EVENT)
        self._helper.stdin.write(f"{line}\n".encode())

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FakeExaBGP"]:
        """Run with a helper."""
        command = [sys.executable, "-I", "-S", relay.__file__, str(self.settings.socket)]
        pipe = asyncio.subprocess.PIPE
        self._helper = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        serving = asyncio.create_task(self._serve(self._helper))
        try:
            yield self
        finally:
            assert self._helper.stdin
            self._helper.stdin.close()
            await self._helper.wait()
            await serving

    def leave(self) -> None:
        """Close the pipe to the helper, as when ExaBGP ends."""
        assert self._helper
        assert self._helper.stdin
        self._helper.stdin.close()

    async def gone(self) -> None:
        """Wait until the helper ended."""
        assert self._helper
        await self._helper.wait()

    async def asked(self, command: str, times: int = 1, seconds: float = 60.0) -> None:
        """Wait until a driver has sent a command this number of times."""
        async with asyncio.timeout(seconds), self._asked:
            await self._asked.wait_for(lambda: self.commands.count(command) >= times)

    async def _serve(self, helper: asyncio.subprocess.Process) -> None:
        assert helper.stdout
        while line := await helper.stdout.readline():
            self.answer(line.decode().strip())
            async with self._asked:
                self._asked.notify_all()

    def answer(self, command: str) -> None:
        """Answer a command as ExaBGP does."""
        self.commands.append(command)
        self.read += command.startswith(NEIGHBOR)
        if command == COUNTERS:
            self.say(json.dumps({"run": self.run, "events": self.events, "commands": self.read}))
        elif command == "show neighbor json":
            self.say(neighbors(established=self.established) if self.has_session else "[]")
        elif command == "show neighbor configuration":
            for line in self.configuration.splitlines():
                self.say(line)
        elif command == "reload":
            self.say("reload in progress")
            if self.lose:
                self.lose -= 1
            else:
                self.configuration = self.settings.configuration.read_text()
        if command != "reset" and not (self.mute and command.startswith(NEIGHBOR)):
            self.say("done")
